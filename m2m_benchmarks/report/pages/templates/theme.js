// The theme is the system's until somebody chooses one, which the browser keeps where it may.
(() => {
  'use strict';
  const button = document.getElementById('theme');
  const system = window.matchMedia('(prefers-color-scheme: dark)');
  const KEY = 'm2m-theme';
  const stored = (change) => {
    try {
      return change(window.localStorage);
    } catch {
      return null; // a browser that keeps nothing for pages from the disk
    }
  };
  const show = (dark) => {
    document.documentElement.dataset.theme = dark ? 'dark' : 'light';
    button.setAttribute('aria-pressed', String(dark));
  };
  const chosen = stored((storage) => storage.getItem(KEY));
  show(chosen ? chosen === 'dark' : system.matches);
  system.addEventListener('change', (event) => show(event.matches));
  button.addEventListener('click', () => {
    show(document.documentElement.dataset.theme !== 'dark');
    stored((storage) => storage.setItem(KEY, document.documentElement.dataset.theme));
  });
})();
