// Fields that filter rows, and say what the cells show.
const Filters = (() => {
  'use strict';
  const { make, byId } = Elements;
  const FIELDS = { search: 'search', family: 'family', least: 'least', most: 'most', trained: 'trained', neurn: 'neurn', show: 'show' };
  byId('family').append(...Board.families.map((family) => make('option', { value: family }, family)));
  for (const [id, key] of Object.entries(FIELDS)) {
    const isTyped = byId(id).tagName === 'INPUT';
    byId(id).addEventListener(isTyped ? 'input' : 'change', (event) => View.set({ [key]: event.target.value }));
  }
  const present = View.KINDS.filter((kind) => Board.rows.some((row) => row.kind === kind));
  const PLURAL = { candidate: 'candidates', control: 'controls', ceiling: 'ceilings', 'other mice': 'other mice' };
  byId('kinds').append(...present.map((kind) => make('label', {}, make('input', {
    type: 'checkbox', value: kind, change: () => View.set({ hidden: boxes().filter((box) => !box.checked).map((box) => box.value) }),
  }), ` ${PLURAL[kind]}`)));
  const boxes = () => [...byId('kinds').querySelectorAll('input')];
  byId('filters').addEventListener('submit', (event) => event.preventDefault()); // Enter in the search
  byId('reset').addEventListener('click', () => {
    const { view } = View.state();
    View.set({ ...View.DEFAULTS, view });
  });
  const render = (state) => {
    for (const [id, key] of Object.entries(FIELDS)) if (byId(id).value !== state[key]) byId(id).value = state[key];
    for (const box of boxes()) box.checked = !state.hidden.includes(box.value);
  };
  return { render };
})();
