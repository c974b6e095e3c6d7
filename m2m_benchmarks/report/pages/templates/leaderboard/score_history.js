// A model's score over versions of data and code, with the reason for each change.
const ScoreHistory = (() => {
  'use strict';
  const { make } = Elements;
  const short = (text) => (text && text.length > 12 ? make('abbr', { title: text }, `${text.slice(0, 12)}…`) : text || Numbers.NONE);
  const figure = (row, entries, place) => {
    const values = entries.map((entry) => entry.score);
    if (values.filter(Numbers.isNumber).length < 2) return null;
    const names = entries.map((_, i) => String(i + 1));
    const { svg, X, Y } = Plot.frame({
      width: Plot.width(place, 520), height: 180, x: { names }, y: Plot.limits(values, 0.2), xTitle: 'result', yTitle: 'score',
      label: `Score of ${row.label} in ${entries.length} results, oldest first`,
    });
    const known = entries.map((entry, i) => [names[i], entry.score]).filter(([, score]) => Numbers.isNumber(score));
    known.slice(1).forEach(([name, score], i) => svg.append(Plot.line(X(known[i][0]), Y(known[i][1]), X(name), Y(score), 'curve first')));
    known.forEach(([name, score]) => {
      const mark = Plot.mark('circle', X(name), Y(score), 4);
      mark.classList.add('first');
      svg.append(mark);
    });
    return svg;
  };
  const table = (entries) => make('div', { class: 'scrolls', tabindex: '0', role: 'region', 'aria-label': 'History' }, make('table', {},
    make('thead', {}, make('tr', {}, ['Result', 'Score', 'Reason for the change', 'Created', 'Data', 'Code', 'Benchmark version'].map((title) => make('th', { scope: 'col' }, title)))),
    make('tbody', {}, entries.map((entry, i) => make('tr', {},
      make('th', { scope: 'row' }, String(i + 1)), make('td', {}, Numbers.score(entry.score)), make('td', { class: 'prose' }, entry.reason || (i ? 'not known' : 'first result')),
      make('td', {}, (entry.created || '').slice(0, 16).replace('T', ' ')), make('td', {}, short(entry.data_version)), make('td', {}, short(entry.code)), make('td', {}, String(entry.benchmark_version ?? Numbers.NONE)))))));
  const parts = (row, cell, place) => (cell.history?.length > 1
    ? [make('h3', {}, 'History'), figure(row, cell.history, place), table(cell.history)].filter(Boolean) : []);
  return { parts };
})();
