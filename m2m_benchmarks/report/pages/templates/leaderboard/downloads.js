// Files that are made in the page: the table as it is shown, the whole data, and what to cite.
const Downloads = (() => {
  'use strict';
  const { byId, make } = Elements;
  // As in m2m's own CSV files, an apostrophe marks a text that a spreadsheet would compute as a formula.
  const field = (value) => {
    if (value === null || value === undefined) return '';
    if (typeof value !== 'string') return String(value);
    const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const PARTS = [
    ['', (cell) => cell.score], [' error', (cell) => cell.error], [' low', (cell) => cell.interval?.[0]], [' high', (cell) => cell.interval?.[1]],
    [' rank low', (cell) => cell.rank?.[0]], [' rank high', (cell) => cell.rank?.[1]], [' group', (cell) => Board.groups(cell).join(' ')],
  ];
  const csv = (state) => {
    const rows = Ordering.sort(Filtering.rows(state), state);
    const weighted = Object.keys(state.weights).length ? Weighting.cells(state.weights) : null;
    const columns = state.columns.map((id) => [Board.column(id).id, (row) => Board.cell(row.id, id)]);
    if (weighted) columns.unshift(['weighted mean', (row) => weighted.get(row.id)]);
    const header = ['model', 'kind', 'family', 'parameters', 'trained', 'neurn', 'measured by',
      ...columns.flatMap(([name]) => PARTS.map(([part]) => `${name}${part}`))];
    const lines = rows.map((row) => [row.label, row.kind, row.family, row.parameters, row.trained, row.neurn, Board.measuredBy(row.id),
      ...columns.flatMap(([, cellOf]) => {
        const cell = cellOf(row) || {};
        return PARTS.map(([, value]) => value(cell));
      })]);
    return [header, ...lines].map((line) => `${line.map(field).join(',')}\r\n`).join('');
  };
  const save = (name, type, text) => {
    const address = URL.createObjectURL(new Blob([text], { type }));
    const link = make('a', { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
  };
  byId('save-csv').addEventListener('click', () => save('leaderboard.csv', 'text/csv', csv(View.state())));
  byId('save-json').addEventListener('click', () => save('leaderboard.json', 'application/json', byId('board').textContent));
  byId('save-bibtex').addEventListener('click', () => save('leaderboard.bib', 'text/plain', Board.data.bibtex || ''));
  return { csv };
})();
