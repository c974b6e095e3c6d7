// The panel with all that is known about a model, or about one of its scores.
const Details = (() => {
  'use strict';
  const { make, byId } = Elements;
  const panel = byId('details');
  const content = byId('details-content');

  const model = (row) => Facts.list([
    ['Kind', row.kind], ['Family', row.family], ['Parameters', Numbers.isNumber(row.parameters) ? Numbers.count(row.parameters) : ''],
    ['Weights', row.weights], ['Trained', Filtering.isNetwork(row) ? (row.trained ? 'yes' : 'no') : ''],
    ['NeuRN', Filtering.isNetwork(row) ? (row.neurn ? 'yes' : 'no') : ''], ['Twin', Board.row(row.twin)?.label],
    ['Training set', row.training_set], ['Mouse acuity', row.mouse_acuity ? 'yes' : ''], ['Seeds', (row.seeds || []).join(', ')],
    ['SHA-256 of the weights', row.weights_sha256], ['Measured by', Board.measuredBy(row.id)],
  ].filter(([, text]) => text));

  const nested = (title, entries, columns) => (entries ? [make('h3', {}, title), make('table', {},
    make('thead', {}, make('tr', {}, ['', ...columns.map(([name]) => name)].map((name) => make(name ? 'th' : 'td', name ? { scope: 'col' } : {}, name)))),
    make('tbody', {}, Object.entries(entries).map(([name, one]) => make('tr', {}, make('th', { scope: 'row' }, name),
      columns.map(([, text]) => make('td', {}, text(one)))))))] : []);
  const AREA = [['Score', (one) => Facts.score(one)], ['Ceiling', (one) => Numbers.score(one.ceiling)], ['Layer', (one) => Facts.layer(one.layer)],
    ['Neuroids', (one) => Numbers.count(one.n_neuroids)]];
  const TARGET = [['Accuracy', (one) => Numbers.score(one.accuracy)], ['95 % interval', (one) => Numbers.interval(one.interval)], ['Images', (one) => Numbers.count(one.n_images)]];

  const score = (row, column) => {
    const cell = Board.cell(row.id, column.id);
    return [
      make('p', { class: 'note' }, column.what || ''),
      cell ? Facts.list(Facts.long(cell)) : make('p', {}, 'This model has no result here.'),
      ...(cell ? [
        ...nested('Areas', cell.areas, AREA), ...nested('Target domains', cell.targets, TARGET),
        ...(cell.layer_scores ? [make('h3', {}, 'Layers'), ...Profile.layers(row, column)] : []),
        ...ScoreHistory.parts(row, cell, content),
      ] : []),
      make('h3', {}, 'The model'), model(row),
      make('button', { type: 'button', click: () => View.set({ column: '' }) }, 'All scores of this model'),
    ];
  };
  const all = (row) => [
    model(row),
    make('h3', {}, 'Scores'),
    make('table', {}, make('thead', {}, make('tr', {}, ['Benchmark', 'Score', 'Rank'].map((title) => make('th', { scope: 'col' }, title)))),
      make('tbody', {}, Board.columns.filter((column) => Board.cell(row.id, column.id)).map((column) => make('tr', {},
        make('th', { scope: 'row' }, make('button', { type: 'button', class: 'plain', click: () => View.set({ column: column.id }) }, Board.fullTitle(column))),
        make('td', {}, Facts.score(Board.cell(row.id, column.id))), make('td', {}, Numbers.rank(Board.cell(row.id, column.id).rank)))))),
    make('button', { type: 'button', click: () => View.set({ view: 'profile', model: row.id, row: '', column: '' }) }, 'Profile over areas and layers'),
  ];

  const render = (state) => {
    const [row, column] = [Board.row(state.row), Board.column(state.column)];
    if (!row) {
      if (panel.open) panel.close();
      return;
    }
    byId('details-title').textContent = column ? `${row.label}: ${Board.fullTitle(column)}` : row.label;
    Tooltip.hide();
    if (!panel.open) panel.showModal(); // before its content, which is as wide as the panel
    content.replaceChildren(...(column ? score(row, column) : all(row)));
    panel.scrollTop = 0;
  };
  byId('details-close').addEventListener('click', () => panel.close());
  panel.addEventListener('click', (event) => event.target === panel && panel.close());
  panel.addEventListener('close', () => {
    if (!View.state().row) return;
    View.set({ row: '', column: '' });
    if (View.state().view === 'table') Table.refocus();
  });
  return { render };
})();
