// Columns of the table as it is shown: name, rank, the weighted mean, the chosen columns, and what the models are.
const TableColumns = (() => {
  'use strict';
  const { make } = Elements;
  const KIND = { control: 'control', ceiling: 'ceiling', 'other mice': 'other mice' };

  const END = 12; // characters of a long name that stay in sight: weights are at its end
  const parts = (name) => {
    const at = name.length > 2 * END ? name.length - END : name.length;
    return [make('span', { class: 'start' }, name.slice(0, at)), make('span', { class: 'end' }, name.slice(at))];
  };
  const nameColumn = {
    key: 'name', title: 'Model', group: '', kind: 'name', width: null,
    cell: (row) => [make('span', { class: 'label' },
      make('span', { class: 'name', title: row.label }, ...parts(row.label)),
      ...(row.neurn && row.kind === 'candidate' ? [make('span', { class: 'tag' }, 'NeuRN')] : []),
      ...(KIND[row.kind] ? [make('span', { class: 'tag' }, KIND[row.kind])] : []))],
  };
  const rankColumn = (by, cellOf) => ({
    key: 'rank', title: 'Rank', group: '', kind: 'rank', width: '7.5rem',
    sorts: by,
    cell: (row) => {
      const cell = cellOf(row);
      const ties = Board.letters(cell);
      const point = cell?.point !== undefined && cell.rank[0] !== cell.rank[1] ? `${cell.point} ` : '';
      if (!cell?.rank) return [Numbers.NONE];
      return [`${point}${point ? '(' : ''}${Numbers.rank(cell.rank)}${point ? ')' : ''}`,
        ...(ties ? [' ', make('small', { class: 'ties' }, ties)] : [])];
    },
  });
  const shown = (cell, show) => {
    if (!Numbers.isNumber(cell?.score)) return [cell?.reason ? make('small', {}, 'no score') : Numbers.NONE];
    const more = {
      error: Numbers.error(cell.error),
      interval: cell.interval ? Numbers.interval(cell.interval) : '',
      rank: cell.rank ? `${Numbers.rank(cell.rank)} ${Board.letters(cell)}` : '',
    }[show];
    return [Numbers.score(cell.score), ...(more ? [' ', make('small', {}, more)] : [])];
  };
  const width = (title, show) => { // of the longest word of the title, which is not broken
    const longest = Math.max(...title.split(/\s/).map((word) => word.length));
    return Math.max(show === 'interval' ? 11.5 : 8.5, Math.min(16, 0.62 * longest + 1.5));
  };
  const scoreColumn = (key, title, group, show, cellOf) => ({
    key, title, group, kind: 'score', width: `${width(title, show)}rem`,
    cell: (row) => shown(cellOf(row), show),
    bar: (row) => Math.max(0, Math.min(1, cellOf(row)?.score ?? 0)),
  });
  const factColumn = (key, title, text) => ({ key, title, group: 'Model', kind: 'fact', width: '8rem', cell: (row) => [text(row)] });

  const list = (state) => {
    const by = Ordering.key(state);
    const weighted = Object.keys(state.weights).length > 0;
    const means = weighted ? Weighting.cells(state.weights) : null;
    const cellOf = (key) => (key === 'weighted' ? (row) => means.get(row.id) : (row) => Board.cell(row.id, key));
    const isScore = by === 'weighted' || Board.column(by) !== null;
    const rankedBy = isScore ? by : weighted ? 'weighted' : state.columns[0];
    return [
      nameColumn,
      ...(rankedBy ? [rankColumn(rankedBy, cellOf(rankedBy))] : []),
      ...(weighted ? [scoreColumn('weighted', 'Weighted mean', 'Yours', state.show, cellOf('weighted'))] : []),
      ...state.columns.map((id) => {
        const column = Board.column(id);
        return scoreColumn(id, Board.title(column), column.dataset || '', state.show, cellOf(id));
      }),
      factColumn('family', 'Family', (row) => row.family || Numbers.NONE),
      factColumn('parameters', 'Parameters', (row) => Numbers.parameters(row.parameters)),
      factColumn('measured', 'Measured by', (row) => Board.measuredBy(row) || Numbers.NONE),
    ];
  };
  return { list };
})();
