// Two models under every comparison, side by side: does their order hold?
const Versus = (() => {
  'use strict';
  const { make, byId } = Elements;
  const place = byId('versus-tables');
  const rows = Board.rows.filter(Filtering.isNetwork);
  const one = Selects.bind('versus-model', 'model', Selects.rowOptions(rows));
  const two = Selects.bind('versus-other', 'other', Selects.rowOptions(rows));

  // Two rows are tied exactly where they share a group; without groups it is not known.
  const order = (a, b) => {
    const [mine, others] = [Board.groups(a), Board.groups(b)];
    if (mine.length && others.length && mine.some((name) => others.includes(name))) return 'tied';
    const larger = a.score > b.score ? 'first' : a.score < b.score ? 'second' : 'equal';
    return mine.length && others.length ? larger : `${larger}?`;
  };
  const TEXT = {
    first: 'first is higher', second: 'second is higher', equal: 'equal', tied: 'tied',
    'first?': 'first is higher, not tested', 'second?': 'second is higher, not tested', 'equal?': 'equal, not tested',
  };
  const difference = (a, b, column, first, second) => {
    const pair = Board.pairs.find((each) => (each.neurn === first && each.plain === second) || (each.neurn === second && each.plain === first));
    const known = pair?.differences?.[column];
    const sign = pair?.neurn === first ? 1 : -1;
    return known ? `${Numbers.signed(sign * known.value)} ${Numbers.error(known.error)}`.trim() : Numbers.signed(a.score - b.score);
  };
  const summary = (orders, first, second) => {
    const n = (name) => orders.filter((each) => each === name).length;
    const untested = orders.filter((each) => each.endsWith('?')).length;
    const [mine, others] = [n('first'), n('second')];
    const verdict = mine && others ? 'The order does not hold: it depends on the benchmark.'
      : mine || others ? 'Where both differ, the order holds.' : 'Nothing here sets them apart.';
    return make('p', {}, make('strong', { class: 'name' }, first.label), ` is higher on ${mine}, `, make('strong', { class: 'name' }, second.label),
      ` on ${others}, and they are tied on ${n('tied') + n('equal')} of ${orders.length} benchmarks${untested ? `; on ${untested} no test was possible` : ''}. ${verdict}`);
  };

  const render = (state) => {
    const first = Board.row(state.model) || rows[0];
    const second = Board.row(state.other) || rows.find((row) => row !== first);
    if (!first || !second) {
      place.replaceChildren(make('p', {}, 'There are not two models to compare.'));
      return;
    }
    one.value = first.id;
    two.value = second.id;
    const both = Board.scoreColumns.filter((column) => Board.score(first.id, column.id) !== null && Board.score(second.id, column.id) !== null);
    const lines = both.map((column) => {
      const [a, b] = [Board.cell(first.id, column.id), Board.cell(second.id, column.id)];
      return { column, a, b, order: order(a, b) };
    });
    const tested = lines.filter(({ column }) => column.kind !== 'mean').map((line) => line.order);
    const table = make('table', {}, make('thead', {}, make('tr', {},
      ['Benchmark', first.label, second.label, 'Difference', 'Order'].map((title) => make('th', { scope: 'col', class: 'name' }, title)))),
    make('tbody', {}, lines.map(({ column, a, b, order: which }) => make('tr', { class: column.kind },
      make('th', { scope: 'row' }, Board.fullTitle(column)), make('td', {}, Facts.score(a)), make('td', {}, Facts.score(b)),
      make('td', {}, difference(a, b, column.id, first.id, second.id)),
      make('td', { class: `order ${which.replace('?', '')}` }, TEXT[which])))));
    place.replaceChildren(...(lines.length ? [summary(tested, first, second), make('div', { class: 'scrolls', tabindex: '0', role: 'region', 'aria-label': 'Two models' }, table)]
      : [make('p', {}, 'No benchmark has a score of both.')]));
  };
  return { render, order };
})();
