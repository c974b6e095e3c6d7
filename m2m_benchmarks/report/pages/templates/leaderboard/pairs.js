// Twins with NeuRN and without, side by side, with their difference.
const Pairs = (() => {
  'use strict';
  const { make, draw, byId } = Elements;
  const place = byId('pairs-table');
  const columns = Board.scoreColumns.filter((column) => Board.pairs.some((pair) =>
    Board.score(pair.neurn, column.id) !== null && Board.score(pair.plain, column.id) !== null));
  const select = Selects.bind('pairs-column', 'pair', Selects.columnOptions(columns));

  const bar = (line, limit) => {
    const x = (value) => 100 + (95 * value) / limit;
    const ends = line.interval || [line.value, line.value];
    return draw('svg', { width: 200, height: 20, viewBox: '0 0 200 20', class: 'plot', 'aria-hidden': 'true' },
      Plot.line(100, 0, 100, 20, 'axis'), Plot.line(x(ends[0]), 10, x(ends[1]), 10, 'interval first'),
      draw('g', { class: 'neurn' }, Plot.mark('triangle', x(line.value), 10, 4)));
  };
  const render = (state) => {
    const column = Board.column(state.pair) || columns[0];
    if (!column) {
      place.replaceChildren(make('p', {}, 'No two models that differ by NeuRN alone have scores on one benchmark.'));
      return;
    }
    select.value = column.id;
    const lines = Board.pairs.map((pair) => {
      const [neurn, plain] = [Board.cell(pair.neurn, column.id), Board.cell(pair.plain, column.id)];
      if (!Numbers.isNumber(neurn?.score) || !Numbers.isNumber(plain?.score)) return null;
      const known = pair.differences?.[column.id];
      return { pair, neurn, plain, ...(known || { value: neurn.score - plain.score }) };
    }).filter(Boolean).sort((a, b) => b.value - a.value);
    const limit = Math.max(1e-9, ...lines.flatMap((line) => [line.value, ...(line.interval || [])].map(Math.abs)));
    const compare = (pair) => make('button', {
      type: 'button', click: () => View.set({ view: 'versus', model: pair.neurn, other: pair.plain }),
    }, 'all benchmarks');
    const heads = ['Model without NeuRN', 'Without NeuRN', 'With NeuRN', 'Difference', '95 % interval', 'Difference and interval', 'More'];
    place.replaceChildren(make('div', { class: 'scrolls', tabindex: '0', role: 'region', 'aria-label': 'NeuRN pairs' }, make('table', {},
      make('thead', {}, make('tr', {}, heads.map((title) => make('th', { scope: 'col' }, title)))),
      make('tbody', {}, lines.map((line) => make('tr', {},
        make('th', { scope: 'row', class: 'name' }, Board.row(line.pair.plain)?.label || line.pair.plain),
        make('td', {}, Facts.score(line.plain)), make('td', {}, Facts.score(line.neurn)),
        make('td', {}, `${Numbers.signed(line.value)} ${Numbers.error(line.error)}`.trim()),
        make('td', {}, Numbers.interval(line.interval)), make('td', {}, bar(line, limit)), make('td', {}, compare(line.pair))))))));
  };
  return { render };
})();
