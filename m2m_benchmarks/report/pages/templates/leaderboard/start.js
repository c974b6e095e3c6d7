// Shows what the state says, and again whenever it changes.
(() => {
  'use strict';
  const { byId } = Elements;
  const RENDER = {
    table: Table.render, scatter: Scatter.render, profile: Profile.render, versus: Versus.render, pairs: Pairs.render, benchmarks: Benchmarks.render,
  };
  const WITH_FILTERS = ['table', 'scatter'];
  const tabs = [...document.querySelectorAll('#views button')];
  tabs.forEach((tab) => tab.addEventListener('click', () => View.set({ view: tab.value })));

  const PANEL_ONLY = new Set(['row', 'column']);
  const render = (state, changed) => {
    const isPanelOnly = changed && [...changed].every((key) => PANEL_ONLY.has(key));
    if (!isPanelOnly) {
      for (const tab of tabs) {
        if (tab.value === state.view) tab.setAttribute('aria-current', 'page');
        else tab.removeAttribute('aria-current');
        byId(`view-${tab.value}`).hidden = tab.value !== state.view;
      }
      byId('narrow').hidden = !WITH_FILTERS.includes(state.view);
      Tooltip.hide();
      Filters.render(state);
      Picker.render(state);
      RENDER[state.view](state);
    }
    Details.render(state);
  };
  View.onChange(render);
  byId('narrow').open = innerWidth > 640; // on a phone, the table comes first
  render(View.state());
  let width = innerWidth;
  window.addEventListener('resize', () => {
    if (innerWidth !== width && View.state().view !== 'table') RENDER[View.state().view](View.state()); // figures are as wide as the window
    width = innerWidth;
  });
  document.documentElement.dataset.ready = performance.now().toFixed(0);
})();
