// Weighted mean of columns, and ranks by it, with intervals over the choice of columns.
const Weighting = (() => {
  'use strict';
  const N_DRAWS = 500;
  const LEAST = 5; // resampling fewer columns says little about others that might have been chosen

  // Mulberry32: the same draws in every browser, so that a linked view shows the same intervals.
  const random = (seed) => () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };

  const mean = (values, weights) => {
    let sum = 0;
    let total = 0;
    for (let j = 0; j < weights.length; j++) {
      sum += weights[j] * values[j];
      total += weights[j];
    }
    return sum / total;
  };

  // 1 + the number of larger values.
  const ranks = (values) => {
    const sorted = Float64Array.from(values).sort();
    return values.map((value) => {
      let [low, high] = [0, sorted.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (sorted[middle] <= value) low = middle + 1;
        else high = middle;
      }
      return 1 + sorted.length - low;
    });
  };

  const middle95 = (values) => {
    const sorted = values.sort();
    return [sorted[Math.floor(0.025 * (sorted.length - 1))], sorted[Math.ceil(0.975 * (sorted.length - 1))]];
  };

  // table: scores of each row in each weighted column. Returns mean, rank, and where there are LEAST columns or more
  // the middle 95 % of both over draws of as many columns, with replacement.
  const resample = (table, weights) => {
    const n = weights.length;
    const means = Float64Array.from(table, (values) => mean(values, weights));
    const result = { means: [...means], ranks: [...ranks(means)], intervals: null, rankIntervals: null };
    if (n < LEAST || !table.length) return result;
    const drawn = table.map(() => [new Float64Array(N_DRAWS), new Float64Array(N_DRAWS)]);
    const next = random(0);
    for (let b = 0; b < N_DRAWS; b++) {
      const drawnWeights = new Float64Array(n);
      for (let j = 0; j < n; j++) {
        const column = Math.floor(next() * n);
        drawnWeights[column] += weights[column];
      }
      const here = Float64Array.from(table, (values) => mean(values, drawnWeights));
      ranks(here).forEach((rank, i) => {
        drawn[i][0][b] = here[i];
        drawn[i][1][b] = rank;
      });
    }
    result.intervals = drawn.map(([values]) => middle95(values));
    result.rankIntervals = drawn.map(([, values]) => middle95(values));
    return result;
  };

  let last = { key: null, cells: new Map() };
  // Cells of the column of weighted means by row id, like those of the board. A row that lacks a weighted score has
  // none; candidates and controls are ranked, whatever is filtered.
  const cells = (weights) => {
    const key = JSON.stringify(weights);
    if (key === last.key) return last.cells;
    const ids = Object.keys(weights);
    const complete = (row) => ids.length > 0 && ids.every((id) => Board.score(row.id, id) !== null);
    const scores = (row) => Float64Array.from(ids, (id) => Board.score(row.id, id));
    const amounts = ids.map((id) => weights[id]);
    const ranked = Board.rows.filter((row) => Filtering.isNetwork(row) && complete(row));
    const others = Board.rows.filter((row) => !Filtering.isNetwork(row) && complete(row));
    const result = resample(ranked.map(scores), amounts);
    const made = new Map(others.map((row) => [row.id, { score: mean(scores(row), amounts) }]));
    ranked.forEach((row, i) => {
      const rank = result.rankIntervals ? result.rankIntervals[i] : [result.ranks[i], result.ranks[i]];
      made.set(row.id, { score: result.means[i], interval: result.intervals?.[i], rank, point: result.ranks[i] });
    });
    last = { key, cells: made };
    return made;
  };
  const note = (weights) => {
    const n = Object.keys(weights).length;
    if (!n) return '';
    const rows = 'A row that lacks one of the weighted columns has no mean.';
    if (n < LEAST) return `Weighted mean of ${n} column${n > 1 ? 's' : ''}, without an interval: that needs ${LEAST} or more. ${rows}`;
    return `Weighted mean of ${n} columns. Its intervals are the middle 95 % over ${N_DRAWS} draws of ${n} of these columns `
      + `with replacement: how much depends on which benchmarks were chosen, not on animals and stimuli. ${rows}`;
  };
  return { cells, resample, note, LEAST, N_DRAWS };
})();
