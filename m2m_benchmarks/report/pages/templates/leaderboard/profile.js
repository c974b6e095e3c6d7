// A model over areas, one figure for each comparison, and over the layers of one score.
const Profile = (() => {
  'use strict';
  const { make, byId } = Elements;
  const figures = byId('profile-figures');
  const rows = Board.rows.filter(Filtering.isNetwork);
  const select = Selects.bind('profile-model', 'model', Selects.rowOptions(rows));

  const bySet = () => {
    const sets = new Map();
    for (const column of Board.columns) {
      if (column.kind !== 'mouse' || !column.area) continue;
      const name = [column.dataset, column.comparison, column.population].filter(Boolean).join(' ');
      if (!sets.has(name)) sets.set(name, []);
      sets.get(name).push(column);
    }
    return sets;
  };
  const sets = bySet();

  const areas = (row, name, columns) => {
    const cells = columns.map((column) => Board.cell(row.id, column.id)).map((cell) => (Numbers.isNumber(cell?.score) ? cell : null));
    if (!cells.some(Boolean)) return null;
    const names = columns.map((column) => (columns.filter((one) => one.area === column.area).length > 1 ? Board.title(column) : column.area));
    const values = cells.filter(Boolean).flatMap((cell) => [cell.score, ...(cell.interval || [])]);
    const { svg, X, Y } = Plot.frame({
      width: Plot.width(figures, 420), height: 260, x: { names }, y: Plot.limits([0, 1, ...values], 0.02),
      yTitle: 'score (1 is the ceiling)', label: `Scores of ${row.label} over the areas of ${name}`,
    });
    svg.append(Plot.line(X(names[0]) - 20, Y(1), X(names.at(-1)) + 20, Y(1), 'ceiling'));
    cells.forEach((cell, i) => {
      if (!cell) return;
      const x = X(names[i]);
      if (cell.interval) svg.append(Plot.line(x, Y(cell.interval[0]), x, Y(cell.interval[1]), 'interval first'));
      const mark = Plot.mark('circle', x, Y(cell.score));
      mark.classList.add('first');
      svg.append(mark);
    });
    return make('figure', {}, make('figcaption', { class: 'name' }, name), svg);
  };

  // Scores of layers as lists of [layer, mean over halves]; those of a mean over areas are by area.
  const series = (scores) => {
    const entries = Object.entries(scores);
    const value = (one) => (Array.isArray(one) ? one.filter(Numbers.isNumber).reduce((a, b) => a + b, 0) / one.length : one);
    const isNested = entries.some(([, one]) => one !== null && typeof one === 'object' && !Array.isArray(one));
    return isNested ? entries.map(([area, inner]) => [area, Object.entries(inner || {}).map(([layer, one]) => [layer, value(one)])])
      : [['', entries.map(([layer, one]) => [layer, value(one)])]];
  };
  const layers = (row, column) => {
    const cell = Board.cell(row.id, column.id);
    if (!cell?.layer_scores) return [];
    const chosen = new Set([cell.layer].flatMap((one) => (one && typeof one === 'object' && !Array.isArray(one) ? Object.values(one) : one)).flat());
    return series(cell.layer_scores).map(([area, points]) => {
      const some = points.filter(([, value]) => Numbers.isNumber(value));
      if (!some.length) return null;
      const name = [Board.fullTitle(column), area].filter(Boolean).join(', ');
      const { svg, X, Y } = Plot.frame({
        width: Plot.width(figures, 420), height: 300, x: { names: some.map(([layer]) => layer) },
        y: Plot.limits([0, ...some.map(([, value]) => value)]), yTitle: 'value in the choice of a layer',
        label: `Layers of ${row.label} in ${name}`,
      });
      some.slice(1).forEach(([layer, value], i) => svg.append(Plot.line(X(some[i][0]), Y(some[i][1]), X(layer), Y(value), 'curve first')));
      some.forEach(([layer, value]) => {
        const mark = Plot.mark(chosen.has(layer) ? 'square' : 'circle', X(layer), Y(value), chosen.has(layer) ? 6 : 3.5);
        mark.classList.add(chosen.has(layer) ? 'second' : 'first');
        svg.append(mark);
      });
      return make('figure', {}, make('figcaption', { class: 'name' }, `${name}${chosen.size ? '; squares are chosen layers' : ''}`), svg);
    }).filter(Boolean);
  };

  const render = (state) => {
    const row = Board.row(state.model) || rows[0];
    if (!row) return;
    select.value = row.id;
    const overAreas = [...sets].map(([name, columns]) => areas(row, name, columns)).filter(Boolean);
    const overLayers = Board.columns.flatMap((column) => layers(row, column));
    const part = (title, made, none) => [make('h3', {}, title), made.length ? make('div', { class: 'figures' }, made) : make('p', { class: 'note' }, none)];
    figures.replaceChildren(...[
      ...part('Areas', overAreas, 'This model has no score of a single area.'),
      ...part('Layers', overLayers, 'This model’s results hold no scores of layers.'),
    ]);
  };
  return { render, layers };
})();
