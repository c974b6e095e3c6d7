// The data of the page, as m2m_benchmarks.analysis.leaderboard wrote it, and what is looked up in it.
const Board = (() => {
  'use strict';
  const data = JSON.parse(Elements.byId('board').textContent);
  const { columns, rows, pairs } = data;
  // Maps, since an id may be the name of a property that every object has.
  const columnOf = new Map(columns.map((column) => [column.id, column]));
  const rowOf = new Map(rows.map((row) => [row.id, row]));
  const cellsOf = new Map(Object.entries(data.cells).map(([id, cells]) => [id, new Map(Object.entries(cells))]));
  const NOTHING = new Map();

  const cells = (row) => cellsOf.get(row) || NOTHING;
  const cell = (row, column) => cells(row).get(column) || null;
  const score = (row, column) => {
    const value = cell(row, column)?.score;
    return Numbers.isNumber(value) ? value : null;
  };
  const isReference = (column) => column.kind === 'model_per_animal' || column.kind === 'other_mice';

  const SUFFIX = { model_per_animal: 'model on one animal', other_mice: 'other mice' };
  const title = (column) => {
    const distinction = / (\[[^\]]*\])$/.exec(column.id)?.[1]; // other data or another version of the benchmark
    const subject = column.kind === 'mean' ? 'mean' : column.area;
    const parts = [subject, column.population, column.comparison].filter(Boolean);
    const name = [parts.length ? parts.join(' ') : column.id, distinction].filter(Boolean).join(' ');
    return SUFFIX[column.kind] ? `${name}, ${SUFFIX[column.kind]}` : name;
  };
  const titles = new Map(columns.map((column) => [column.id, title(column)]));

  // Titles that say the dataset as well, for lists in which datasets are mixed.
  const fullTitle = (column) => [column.dataset, titles.get(column.id)].filter(Boolean).join(' ');

  const measuredBy = (row) => {
    const names = new Set([...cells(row).values()].map((one) => one.measured_by).filter(Boolean));
    return [...names].sort().join(', ');
  };
  const measurers = new Map(rows.map((row) => [row.id, measuredBy(row.id)]));
  const families = [...new Set(rows.map((row) => row.family).filter(Boolean))].sort();
  const FEW = 4;
  // Letters of the groups of a cell, all or the first and the last of many, as among hundreds of models.
  const letters = (one) => {
    const all = groups(one);
    return all.length > FEW ? `${all[0]} … ${all.at(-1)}` : all.join(' ');
  };
  const groups = (one) => one?.groups || (one?.group ? [...one.group] : []);

  return {
    data, columns, rows, pairs, families, cell, cells, score, isReference, fullTitle, groups, letters,
    column: (id) => columnOf.get(id) || null,
    row: (id) => rowOf.get(id) || null,
    title: (column) => titles.get(column.id),
    measuredBy: (row) => measurers.get(row.id),
    scoreColumns: columns.filter((column) => !isReference(column)),
  };
})();
