// Drop-down lists of columns and of models that are bound to a key of the view.
const Selects = (() => {
  'use strict';
  const { make } = Elements;
  const columnOptions = (columns) => {
    const groups = new Map();
    for (const column of columns) {
      const dataset = column.dataset || 'Means';
      if (!groups.has(dataset)) groups.set(dataset, make('optgroup', { label: dataset }));
      groups.get(dataset).append(make('option', { value: column.id }, Board.title(column)));
    }
    return [...groups.values()];
  };
  const rowOptions = (rows) => rows.map((row) => make('option', { value: row.id }, row.label));
  const bind = (id, key, options) => {
    const select = Elements.byId(id);
    select.append(...options);
    select.addEventListener('change', () => View.set({ [key]: select.value }));
    return select;
  };
  return { columnOptions, rowOptions, bind };
})();
