// Numbers as text, with a dash where there is none.
const Numbers = (() => {
  'use strict';
  const NONE = '–';
  const isNumber = (value) => typeof value === 'number';
  const score = (value) => (isNumber(value) ? value.toFixed(3).replace('-', '−') : NONE);
  const signed = (value) => (isNumber(value) ? `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3)}` : NONE);
  const error = (value) => (isNumber(value) ? `±${value.toFixed(3)}` : '');
  const interval = (ends) => (ends ? `${score(ends[0])} to ${score(ends[1])}` : NONE);
  const count = (value) => (isNumber(value) ? value.toLocaleString('en') : NONE);
  const rank = (ends) => (!ends ? NONE : ends[0] === ends[1] ? String(ends[0]) : `${ends[0]}–${ends[1]}`);
  const parameters = (value) => {
    if (!isNumber(value)) return NONE;
    const [size, unit] = value >= 1e9 ? [1e9, ' G'] : value >= 1e6 ? [1e6, ' M'] : value >= 1e3 ? [1e3, ' k'] : [1, ''];
    return `${(value / size).toPrecision(value < 1e3 ? 4 : 3).replace(/\.?0+$/, '')}${unit}`;
  };
  return { NONE, isNumber, score, signed, error, interval, count, rank, parameters };
})();
