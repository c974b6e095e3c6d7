(() => {
  'use strict';
  const button = document.getElementById('theme');
  const system = window.matchMedia('(prefers-color-scheme: dark)');
  const show = (dark) => {
    document.documentElement.dataset.theme = dark ? 'dark' : 'light';
    button.setAttribute('aria-pressed', String(dark));
  };
  show(system.matches);
  system.addEventListener('change', (event) => show(event.matches));
  button.addEventListener('click', () => show(document.documentElement.dataset.theme !== 'dark'));
})();
