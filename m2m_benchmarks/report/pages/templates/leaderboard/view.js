// What is shown: the state of the page, which the part of its address after # repeats, so that a view can be linked.
const View = (() => {
  'use strict';
  const VIEWS = ['table', 'scatter', 'profile', 'versus', 'pairs', 'benchmarks'];
  const KINDS = ['candidate', 'control', 'ceiling', 'other mice'];
  const MANY = 12; // more columns than this are not all shown at first

  // Means, where there are any; else columns that rank the models, which those of earlier versions may not.
  const choice = () => {
    if (Board.columns.length <= MANY) return Board.columns;
    if (Board.columns.some((column) => column.kind === 'mean')) {
      return Board.columns.filter((column) => column.kind === 'mean' || column.kind === 'generalization');
    }
    const ranked = Board.scoreColumns.filter((column) => column.ranked > 0);
    return ranked.length ? ranked : Board.scoreColumns;
  };
  const usual = choice().slice(0, MANY).map((column) => column.id);
  const DEFAULTS = {
    view: 'table', search: '', family: '', least: '', most: '', trained: '', neurn: '', sort: '', up: '', show: 'error',
    x: '', y: '', model: '', other: '', pair: '', row: '', column: '', hidden: [], columns: usual, weights: {},
  };
  const TEXTS = Object.keys(DEFAULTS).filter((key) => typeof DEFAULTS[key] === 'string');
  const isColumn = (id) => Board.column(id) !== null;
  const isScore = (id) => isColumn(id) && !Board.isReference(Board.column(id));
  const isRow = (id) => Board.row(id) !== null;
  const among = (...values) => (value) => values.includes(value);
  const isAmount = (value) => value.trim() !== '' && Number(value) >= 0; // in millions of parameters
  // Values of an address that nothing here has are passed over: it may come from a page of other results.
  const VALID = {
    view: among(...VIEWS), family: among(...Board.families), least: isAmount, most: isAmount,
    trained: among('yes', 'no'), neurn: among('yes', 'no'), up: among('yes'), show: among('error', 'interval', 'rank'),
    sort: (value) => isColumn(value) || ['name', 'weighted', 'family', 'parameters', 'measured'].includes(value),
    x: isColumn, y: isColumn, column: isColumn, pair: isColumn, model: isRow, other: isRow, row: isRow,
    search: (value) => value !== '',
  };

  const parse = (hash) => {
    const given = new URLSearchParams(hash.replace(/^#/, ''));
    const state = { ...DEFAULTS, weights: {} };
    for (const key of TEXTS) {
      const value = given.get(key);
      if (value !== null && VALID[key](value)) state[key] = value;
    }
    state.hidden = given.getAll('hidden').filter((kind) => KINDS.includes(kind));
    const columns = new Set(given.getAll('columns').filter(isColumn));
    if (columns.size) state.columns = Board.columns.map((column) => column.id).filter((id) => columns.has(id));
    if (given.get('columns') === 'all') state.columns = Board.columns.map((column) => column.id);
    for (const text of given.getAll('weight')) {
      const [, amount, id] = /^([^~]*)~([^]*)$/.exec(text) || [];
      if (Number(amount) > 0 && Number.isFinite(Number(amount)) && isScore(id)) state.weights[id] = Number(amount);
    }
    return state;
  };

  const format = (state) => {
    const given = new URLSearchParams();
    for (const key of TEXTS) if (state[key] !== DEFAULTS[key]) given.set(key, state[key]);
    for (const kind of state.hidden) given.append('hidden', kind);
    if (state.columns.length === Board.columns.length && usual.length !== Board.columns.length) {
      given.set('columns', 'all');
    } else if (state.columns.join('\n') !== usual.join('\n')) {
      for (const id of state.columns) given.append('columns', id);
    }
    for (const [id, weight] of Object.entries(state.weights)) given.append('weight', `${weight}~${id}`);
    return given.toString();
  };

  let state = parse(location.hash);
  const listeners = [];
  const tell = (changed) => listeners.forEach((listener) => listener(state, changed));
  const set = (changes) => {
    state = { ...state, ...changes };
    history.replaceState(null, '', `#${format(state)}`);
    tell(new Set(Object.keys(changes)));
  };
  window.addEventListener('hashchange', () => {
    if (location.hash === '#content') return; // the link that skips to it
    state = parse(location.hash);
    tell(new Set(Object.keys(state)));
  });
  return { VIEWS, KINDS, DEFAULTS, usual, parse, format, set, state: () => state, onChange: (f) => listeners.push(f) };
})();
