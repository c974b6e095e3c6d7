// What is known about one score, as pairs of name and text: the tooltip shows the first of them, the details all.
const Facts = (() => {
  'use strict';
  const subjects = (cell) => [
    Numbers.isNumber(cell.n_neuroids) ? `${Numbers.count(cell.n_neuroids)} neuroids` : null,
    Numbers.isNumber(cell.n_animals) ? `${Numbers.count(cell.n_animals)} animals` : null,
    Numbers.isNumber(cell.n_stimuli) ? `${Numbers.count(cell.n_stimuli)} stimuli` : null,
  ].filter(Boolean).join(', ');
  const layer = (value) => {
    if (!value) return '';
    if (Array.isArray(value)) return value.join(' and ');
    if (typeof value !== 'object') return String(value);
    return Object.entries(value).map(([area, one]) => `${area}: ${layer(one)}`).join(', ');
  };
  const score = (cell) => (Numbers.isNumber(cell.score) ? `${Numbers.score(cell.score)} ${Numbers.error(cell.error)}`.trim()
    : cell.reason || 'no score');
  const rank = (cell) => (cell.rank ? `${Numbers.rank(cell.rank)}${Board.groups(cell).length
    ? `, tied with all rows of group ${Board.letters(cell).replaceAll(' ', ' or ').replace(' or … or ', ' … ')}` : ''}` : '');

  const short = (cell) => [
    ['Score', score(cell)],
    ['95 % interval', cell.interval ? Numbers.interval(cell.interval) : ''],
    ['Rank', rank(cell)],
    ['Layer', layer(cell.layer)],
    ['Over', subjects(cell)],
  ].filter(([, text]) => text);

  const number = (name, value) => [name, Numbers.isNumber(value) ? Numbers.score(value) : ''];
  const long = (cell) => [
    ...short(cell),
    ...(Numbers.isNumber(cell.uncut) && cell.uncut !== cell.score ? [number('Before the cut at 0', cell.uncut)] : []),
    number('Raw', cell.raw), number('Ceiling', cell.ceiling),
    number('Model, on one animal', cell.model_per_animal), number('Other mice, on one animal', cell.other_mice),
    ['In own units', Numbers.isNumber(cell.own_units)
      ? `${Numbers.score(cell.own_units)}${cell.own_units_interval ? ` (${Numbers.interval(cell.own_units_interval)})` : ''}` : ''],
    ['Seeds', (cell.seeds || []).join(', ')], number('Standard deviation between seeds', cell.spread),
    ['Measured by', cell.measured_by || ''], ['Machine', cell.machine || ''], ['Created', cell.created || ''],
    ['Result', (cell.uids || [cell.uid || '']).join(', ')],
    ['Contradiction', cell.contradicts ? 'another result of the same model, data and code has another score' : ''],
  ].filter(([, text]) => text);

  const list = (pairs) => Elements.make('dl', {}, pairs.map(([name, text]) =>
    [Elements.make('dt', {}, name), Elements.make('dd', {}, text)]));
  return { short, long, list, layer, score };
})();
