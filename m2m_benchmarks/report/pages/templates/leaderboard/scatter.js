// Two columns against one another, with the intervals of both.
const Scatter = (() => {
  'use strict';
  const { make, draw, byId } = Elements;
  const figure = byId('scatter-figure');
  const columns = Board.scoreColumns;
  const ranked = [...columns].sort((a, b) => Math.sign(b.ranked) - Math.sign(a.ranked)); // those without ranks are last
  const isGeneralization = (column) => column.kind === 'generalization'
    || (column.mean_of || []).some((id) => Board.column(id)?.kind === 'generalization');
  // Mouse against domain generalization first, where there are both.
  const mouse = ranked.find((column) => column.kind === 'mean' && !isGeneralization(column))
    || ranked.find((column) => column.kind === 'mouse') || ranked[0];
  const shift = ranked.find(isGeneralization) || ranked.find((column) => column !== mouse) || mouse;
  const x = Selects.bind('scatter-x', 'x', Selects.columnOptions(columns));
  const y = Selects.bind('scatter-y', 'y', Selects.columnOptions(columns));
  const MANY = 150; // intervals of more points hide the points
  const FEW = 12; // names of more points hide one another, and so do those on a phone

  let shown = [];
  const group = (row) => (row.kind === 'control' ? 'control' : row.neurn ? 'neurn' : 'plain');
  const SHAPE = { control: 'square', neurn: 'triangle', plain: 'circle' };
  const NAME = { control: 'control', neurn: 'with NeuRN', plain: 'without NeuRN' };

  const shorten = (text) => (text.length > 28 ? `${text.slice(0, 13)}…${text.slice(-14)}` : text);
  const name = (row, cx, cy, right) => {
    const [place, anchor] = cx < right * 0.7 ? [cx + 8, 'start'] : [cx - 8, 'end'];
    return draw('text', { x: place, y: cy - 7, 'text-anchor': anchor, 'aria-hidden': 'true' }, shorten(row.label));
  };
  const point = (one, X, Y, withIntervals, right) => {
    const [cx, cy] = [X(one.x.score), Y(one.y.score)];
    const { row } = one;
    return draw('g', {
      class: `point ${group(row)}`, role: 'button', tabindex: '-1', 'data-row': row.id,
      'aria-label': `${row.label}: ${Numbers.score(one.x.score)}, ${Numbers.score(one.y.score)}`,
    },
    withIntervals && one.x.interval ? Plot.line(X(one.x.interval[0]), cy, X(one.x.interval[1]), cy, 'interval') : null,
    withIntervals && one.y.interval ? Plot.line(cx, Y(one.y.interval[0]), cx, Y(one.y.interval[1]), 'interval') : null,
    Plot.mark(SHAPE[group(row)], cx, cy),
    shown.length <= FEW && right >= 600 ? name(row, cx, cy, right) : null);
  };
  const caption = (points) => {
    if (!points.length) return 'No model that passes the filters has a score in both columns.';
    const rho = points.length > 2 ? Plot.spearman(points.map((one) => one.x.score), points.map((one) => one.y.score)) : null;
    return `${points.length} models that pass the filters and have both scores, with 95 % intervals`
      + `${points.length > MANY ? ' of the one under the pointer or with the focus' : ''}.`
      + `${rho === null ? '' : ` Spearman's rank correlation is ${rho.toFixed(2)}.`} Arrow keys go from point to point, Enter opens one.`;
  };
  const key = (points) => make('p', { class: 'key' }, [...new Set(points.map((one) => group(one.row)))].map((name) => [
    draw('svg', { width: 16, height: 16, 'aria-hidden': 'true', class: 'plot' }, draw('g', { class: name }, Plot.mark(SHAPE[name], 8, 8))),
    make('span', {}, NAME[name]),
  ]));

  const render = (state) => {
    if (!columns.length) return;
    const [a, b] = [Board.column(state.x) || mouse, Board.column(state.y) || shift];
    x.value = a.id;
    y.value = b.id;
    const inBoth = (row) => Filtering.isNetwork(row) && Board.score(row.id, a.id) !== null && Board.score(row.id, b.id) !== null;
    shown = Filtering.rows(state).filter(inBoth)
      .map((row) => ({ row, x: Board.cell(row.id, a.id), y: Board.cell(row.id, b.id) }))
      .sort((one, two) => one.x.score - two.x.score);
    const withIntervals = shown.length <= MANY;
    const ends = (axis) => shown.flatMap((one) => [one[axis].score, ...(withIntervals && one[axis].interval) || []]);
    const width = Plot.width(figure, 900);
    const { svg, X, Y } = Plot.frame({
      width, height: Math.min(560, Math.max(340, width * 0.7)), x: Plot.limits(ends('x')), y: Plot.limits(ends('y')),
      xTitle: Board.fullTitle(a), yTitle: Board.fullTitle(b), role: 'group',
      label: `Scatter of ${Board.fullTitle(b)} against ${Board.fullTitle(a)}`,
    });
    svg.append(...shown.map((one) => point(one, X, Y, withIntervals, width)));
    svg.querySelector('.point')?.setAttribute('tabindex', '0');
    figure.replaceChildren(key(shown), svg, make('figcaption', {}, caption(shown)));
  };

  const open = (element) => View.set({ row: element.dataset.row, column: '' });
  figure.addEventListener('click', (event) => event.target.closest('.point') && open(event.target.closest('.point')));
  figure.addEventListener('keydown', (event) => {
    const element = event.target.closest('.point');
    if (!element) return;
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    const points = [...figure.querySelectorAll('.point')];
    if (step) {
      const next = points[Math.max(0, Math.min(points.length - 1, points.indexOf(element) + step))];
      element.setAttribute('tabindex', '-1');
      next.setAttribute('tabindex', '0');
      next.focus();
    } else if (event.key === 'Enter' || event.key === ' ') open(element);
    else return;
    event.preventDefault();
  });
  Tooltip.serve(figure, '.point', (element) => {
    const one = shown.find(({ row }) => row.id === element.dataset.row);
    const [a, b] = [Board.column(x.value), Board.column(y.value)];
    const text = (cell) => `${Facts.score(cell)}${cell.interval ? `, ${Numbers.interval(cell.interval)}` : ''}`;
    return one && [one.row.label, [[Board.fullTitle(a), text(one.x)], [Board.fullTitle(b), text(one.y)]]];
  });
  return { render };
})();
