// Choice of columns, and their weights.
const Picker = (() => {
  'use strict';
  const { make, byId } = Elements;
  const place = byId('picker-columns');
  const lines = new Map();
  const ids = Board.columns.map((column) => column.id);

  const choose = (wanted) => View.set({ columns: ids.filter((id) => wanted.has(id)) });
  const toggle = (id, isShown) => {
    const wanted = new Set(View.state().columns);
    if (isShown) wanted.add(id);
    else wanted.delete(id);
    if (wanted.size) choose(wanted);
    else lines.get(id).box.checked = true; // a table without columns has nothing to show
  };
  const weigh = (id, text) => {
    const { [id]: _, ...others } = View.state().weights;
    const amount = Number(text);
    View.set({ weights: amount > 0 && Number.isFinite(amount) ? { ...others, [id]: amount } : others, sort: '', up: '' });
  };
  const line = (column) => {
    const box = make('input', { type: 'checkbox', change: (event) => toggle(column.id, event.target.checked) });
    const weight = Board.isReference(column) ? null : make('input', {
      type: 'number', min: '0', step: 'any', 'aria-label': `Weight of ${Board.fullTitle(column)}`, placeholder: '0',
      change: (event) => weigh(column.id, event.target.value),
    });
    lines.set(column.id, { box, weight });
    return make('li', {}, make('label', { title: column.what || null }, box, make('span', { class: 'name' }, ` ${Board.title(column)}`)), weight);
  };
  const datasets = new Map();
  for (const column of Board.columns) {
    const dataset = column.dataset || 'Means';
    if (!datasets.has(dataset)) datasets.set(dataset, []);
    datasets.get(dataset).push(column);
  }
  const makeSets = () => [...datasets].map(([dataset, columns]) => make('fieldset', {}, make('legend', { class: 'name' }, dataset),
    make('div', {}, make('button', { type: 'button', click: () => choose(new Set([...View.state().columns, ...columns.map((column) => column.id)])) }, `All of ${dataset}`)),
    make('ul', {}, columns.map(line))));
  place.append(...makeSets());
  byId('columns-all').addEventListener('click', () => choose(new Set(ids)));
  byId('columns-usual').addEventListener('click', () => choose(new Set(View.usual)));
  byId('columns-means').addEventListener('click', () => {
    const means = Board.columns.filter((column) => column.kind === 'mean');
    choose(new Set((means.length ? means : Board.columns).map((column) => column.id)));
  });
  byId('weights-equal').addEventListener('click', () => {
    const single = Board.scoreColumns.filter((column) => View.state().columns.includes(column.id) && column.kind !== 'mean');
    const weighted = single.length ? single : Board.scoreColumns.filter((column) => View.state().columns.includes(column.id));
    View.set({ weights: Object.fromEntries(weighted.map((column) => [column.id, 1])), sort: '', up: '' });
  });
  byId('weights-none').addEventListener('click', () => View.set({ weights: {} }));

  const render = (state) => {
    const shown = new Set(state.columns);
    for (const [id, { box, weight }] of lines) {
      box.checked = shown.has(id);
      if (weight && document.activeElement !== weight) weight.value = state.weights[id] ?? '';
    }
    byId('picker-summary').textContent = `Columns and weights (${shown.size} of ${ids.length} shown)`;
    byId('weights-note').textContent = Weighting.note(state.weights);
  };
  return { render };
})();
