// What each column measures, its ceiling, and what it can tell apart.
const Benchmarks = (() => {
  'use strict';
  const { make, byId } = Elements;
  const place = byId('benchmarks-table');
  const apart = (column) => {
    const { told_apart: told } = column;
    return told ? `${told.different} of ${told.pairs} pairs of ranked rows` : Numbers.NONE;
  };
  const METHOD = {
    draws: 'bootstrap draws of animals and stimuli, as m2m compare', columns: 'draws of the benchmarks averaged',
  };
  // The document of `m2m analyze recovery --json` as nested lists, whatever it holds.
  const tree = (value) => {
    if (value === null || typeof value !== 'object') return Numbers.isNumber(value) ? String(Number(value.toPrecision(4))) : String(value ?? Numbers.NONE);
    if (Array.isArray(value) && value.every((one) => one === null || typeof one !== 'object')) return value.map(tree).join(', ');
    return make('ul', {}, Object.entries(value).map(([name, one]) => make('li', {}, Array.isArray(value) ? null : `${name.replaceAll('_', ' ')}: `, tree(one))));
  };
  const recovery = (column) => (column.recovery ? make('details', {}, make('summary', {}, 'What it could tell apart'), tree(column.recovery)) : Numbers.NONE);
  const ceiling = (column) => (column.ceiling ? `${Numbers.score(column.ceiling.value)}${column.ceiling.interval ? ` (${Numbers.interval(column.ceiling.interval)})` : ''}` : Numbers.NONE);
  const heads = [['Column'], ['Benchmark', 'words'], ['What', 'words'], ['Ceiling (raw)'], ['Other mice (one animal)'], ['Order known for', 'words'], ['Ranks from', 'words'], ['Recovery', 'words']];
  const render = () => {
    if (place.childElementCount) return;
    place.append(make('div', { class: 'scrolls', tabindex: '0', role: 'region', 'aria-label': 'Benchmarks' }, make('table', {},
      make('thead', {}, make('tr', {}, heads.map(([title, kind]) => make('th', { scope: 'col', class: kind }, title)))),
      make('tbody', {}, Board.scoreColumns.map((column) => make('tr', {},
        make('th', { scope: 'row', class: 'name' }, Board.fullTitle(column)),
        make('td', { class: 'words' }, column.benchmark ? `${column.benchmark}${column.benchmark_version === null ? '' : `, version ${column.benchmark_version}`}` : Numbers.NONE),
        make('td', { class: 'prose' }, column.what || '', column.mean_of?.length ? ` Mean of ${column.mean_of.length} columns.` : ''),
        make('td', {}, ceiling(column)), make('td', {}, Numbers.score(column.other_mice)), make('td', { class: 'words' }, apart(column)),
        make('td', { class: 'words' }, METHOD[column.rank_method] || Numbers.NONE), make('td', { class: 'prose' }, recovery(column))))))));
  };
  return { render };
})();
