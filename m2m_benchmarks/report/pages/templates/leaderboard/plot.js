// Axes of a figure in SVG, and the statistics that figures say.
const Plot = (() => {
  'use strict';
  const { draw } = Elements;
  const ticks = (low, high, n = 5) => {
    const rough = (high - low) / n || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= 0.8 * rough);
    const first = Math.ceil(low / step - 1e-9);
    const last = Math.floor(high / step + 1e-9);
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    return Array.from({ length: last - first + 1 }, (_, i) => [(first + i) * step, ((first + i) * step).toFixed(digits).replace('-', '−')]);
  };
  const limits = (values, margin = 0.06) => {
    const numbers = values.filter(Numbers.isNumber);
    if (!numbers.length) return [0, 1];
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    const more = (high - low || Math.abs(high) || 1) * margin;
    return [low - more, high + more];
  };

  // x: [low, high] or {names: [...]}, which are equally far apart. Returns the element, and the functions from values
  // to places in it.
  const frame = ({ width, height: least, x, y, xTitle, yTitle, label, role = 'img' }) => {
    const names = x.names;
    const longest = names ? Math.max(0, ...names.map((name) => name.length)) : 0;
    const slanted = names && longest * 8 > (width - 70) / names.length;
    const namesHeight = slanted ? Math.min(130, 24 + longest * 5.5) : 28;
    const height = slanted ? least + namesHeight - 28 : least;
    const margin = { left: 58, right: 14, top: 10, bottom: namesHeight + (xTitle ? 22 : 0) };
    const inner = { width: width - margin.left - margin.right, height: height - margin.top - margin.bottom };
    const X = names
      ? (name) => margin.left + (inner.width * (names.indexOf(name) + 0.5)) / names.length
      : (value) => margin.left + (inner.width * (value - x[0])) / (x[1] - x[0]);
    const Y = (value) => margin.top + inner.height * (1 - (value - y[0]) / (y[1] - y[0]));
    const bottom = margin.top + inner.height;
    const xTicks = names ? names.map((name) => [name, name]) : ticks(x[0], x[1], Math.max(4, inner.width / 90));
    const shorten = (text) => (text.length > 20 ? `…${text.slice(-19)}` : text);
    const svg = draw('svg', { viewBox: `0 0 ${width} ${height}`, width, height, role, 'aria-label': label, class: 'plot' },
      ticks(y[0], y[1], Math.max(4, inner.height / 50)).map(([value, text]) => [
        draw('line', { class: 'rule', x1: margin.left, x2: width - margin.right, y1: Y(value), y2: Y(value) }),
        draw('text', { x: margin.left - 6, y: Y(value) + 4, 'text-anchor': 'end' }, text),
      ]),
      xTicks.map(([value, text]) => (slanted
        ? draw('text', { transform: `translate(${X(value) + 4} ${bottom + 14}) rotate(-35)`, 'text-anchor': 'end' }, shorten(text))
        : draw('text', { x: X(value), y: bottom + 18, 'text-anchor': 'middle' }, text))),
      draw('line', { class: 'axis', x1: margin.left, x2: width - margin.right, y1: bottom, y2: bottom }),
      draw('line', { class: 'axis', x1: margin.left, x2: margin.left, y1: margin.top, y2: bottom }),
      xTitle ? draw('text', { class: 'title', x: margin.left + inner.width / 2, y: height - 4, 'text-anchor': 'middle' }, xTitle) : null,
      draw('text', {
        class: 'title', transform: `translate(14 ${margin.top + inner.height / 2}) rotate(-90)`, 'text-anchor': 'middle',
      }, yTitle));
    return { svg, X, Y };
  };
  const line = (x1, y1, x2, y2, kind) => draw('line', { class: kind, x1, y1, x2, y2 });
  // Marks differ in shape as well as in colour.
  const mark = (shape, x, y, size = 5) => {
    if (shape === 'triangle') return draw('path', { d: `M${x} ${y - size - 1}L${x + size + 1} ${y + size}H${x - size - 1}Z` });
    if (shape === 'square') return draw('rect', { x: x - size + 0.5, y: y - size + 0.5, width: 2 * size - 1, height: 2 * size - 1 });
    return draw('circle', { cx: x, cy: y, r: size });
  };
  const width = (element, most) => Math.max(280, Math.min(most, element.clientWidth || most));

  const ranks = (values) => { // equal values share the mean of their ranks
    const order = values.map((_, i) => i).sort((a, b) => values[a] - values[b]);
    const result = new Array(values.length);
    for (let i = 0; i < order.length;) {
      let j = i;
      while (j + 1 < order.length && values[order[j + 1]] === values[order[i]]) j += 1;
      for (let k = i; k <= j; k++) result[order[k]] = (i + j) / 2 + 1;
      i = j + 1;
    }
    return result;
  };
  // Spearman's rank correlation; null where one of both has no variance.
  const spearman = (one, two) => {
    const [a, b] = [ranks(one), ranks(two)];
    const middle = (one.length + 1) / 2;
    let [ab, aa, bb] = [0, 0, 0];
    a.forEach((value, i) => {
      ab += (value - middle) * (b[i] - middle);
      aa += (value - middle) ** 2;
      bb += (b[i] - middle) ** 2;
    });
    return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : null;
  };
  return { frame, limits, ticks, line, mark, width, spearman };
})();
