// Order of rows.
const Ordering = (() => {
  'use strict';
  const VALUES = {
    name: (row) => row.label,
    family: (row) => row.family || null,
    parameters: (row) => row.parameters ?? null,
    measured: (row) => Board.measuredBy(row) || null,
  };
  const value = (state, key) => {
    if (VALUES[key]) return VALUES[key];
    if (key !== 'weighted') return (row) => Board.score(row.id, key);
    const cells = Weighting.cells(state.weights);
    return (row) => cells.get(row.id)?.score ?? null;
  };
  const collator = new Intl.Collator('en', { numeric: true });

  // The column that the table is sorted by: the chosen one, else the weighted mean, else the first with ranks, or at all.
  const key = (state) => {
    const weighted = Object.keys(state.weights).length > 0;
    const gone = (state.sort === 'weighted' && !weighted)
      || (Board.column(state.sort) && !state.columns.includes(state.sort));
    if (state.sort && !gone) return state.sort;
    const ranked = state.columns.find((id) => Board.column(id).ranked > 0);
    return weighted ? 'weighted' : ranked || state.columns[0] || 'name';
  };

  // Rows without a value are last, whichever way; equal ones are in the order of their names.
  const sort = (rows, state) => {
    const by = key(state);
    const of = value(state, by);
    const values = new Map(rows.map((row) => [row, of(row)]));
    const direction = state.up === 'yes' ? 1 : -1;
    const isText = (one) => typeof one === 'string';
    const compare = (a, b) => (isText(a) ? -collator.compare(a, b) : a - b); // names begin with A where numbers begin high
    return [...rows].sort((a, b) => {
      const [one, two] = [values.get(a), values.get(b)];
      if (one === null || two === null) {
        if (one !== two) return one === null ? 1 : -1;
        return collator.compare(a.label, b.label);
      }
      return direction * compare(one, two) || collator.compare(a.label, b.label);
    });
  };
  return { key, sort };
})();
