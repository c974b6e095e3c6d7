// Rows that the filters leave.
const Filtering = (() => {
  'use strict';
  const answers = (wanted, value) => wanted === '' || (wanted === 'yes') === Boolean(value);
  const inLimits = (row, least, most) => {
    if (least === '' && most === '') return true;
    if (!Numbers.isNumber(row.parameters)) return false;
    const millions = row.parameters / 1e6;
    return (least === '' || millions >= Number(least)) && (most === '' || millions <= Number(most));
  };
  const isNetwork = (row) => row.kind === 'candidate' || row.kind === 'control';

  // Filters of networks leave the rows of ceilings and other mice, which are there to compare with.
  const rows = (state) => {
    const words = state.search.toLowerCase().split(/\s+/).filter(Boolean);
    return Board.rows.filter((row) => {
      if (state.hidden.includes(row.kind)) return false;
      if (!isNetwork(row)) return true;
      const text = `${row.label} ${row.family || ''} ${row.weights || ''} ${Board.measuredBy(row)}`.toLowerCase();
      return words.every((word) => text.includes(word))
        && (state.family === '' || row.family === state.family)
        && answers(state.trained, row.trained) && answers(state.neurn, row.neurn)
        && inLimits(row, state.least, state.most);
    });
  };
  return { rows, isNetwork };
})();
