// One tooltip for all that can be hovered over or focused. Escape hides it, and the pointer may move onto it.
const Tooltip = (() => {
  'use strict';
  const box = Elements.byId('tooltip');
  let owner = null;
  let waiting = 0;
  const hide = () => {
    clearTimeout(waiting);
    owner?.removeAttribute('aria-describedby');
    owner = null;
    box.hidden = true;
  };
  const hideSoon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(hide, 200);
  };
  const show = (element, title, pairs) => {
    hide();
    owner = element;
    box.replaceChildren(Elements.make('strong', { class: 'name' }, title), Facts.list(pairs));
    box.hidden = false;
    element.setAttribute('aria-describedby', box.id);
    const around = element.getBoundingClientRect();
    const own = box.getBoundingClientRect();
    const left = Math.min(Math.max(4, around.left), document.documentElement.clientWidth - own.width - 4);
    const below = around.bottom + 6;
    const top = below + own.height <= innerHeight ? below : Math.max(4, around.top - own.height - 6);
    box.style.left = `${Math.max(4, left)}px`;
    box.style.top = `${top}px`;
  };
  // of(element) gives [title, pairs] for what has a tooltip inside `parent`, else null.
  const serve = (parent, selector, of) => {
    const start = (event) => {
      const element = event.target.closest?.(selector);
      const content = element && parent.contains(element) ? of(element) : null;
      if (content) show(element, ...content);
      else hideSoon();
    };
    parent.addEventListener('pointerover', (event) => event.pointerType !== 'touch' && start(event));
    parent.addEventListener('focusin', (event) => event.target.matches(':focus-visible') && start(event));
    parent.addEventListener('pointerleave', hideSoon);
    parent.addEventListener('focusout', hideSoon);
  };
  box.addEventListener('pointerenter', () => clearTimeout(waiting));
  box.addEventListener('pointerleave', hideSoon);
  document.addEventListener('keydown', (event) => event.key === 'Escape' && hide());
  document.addEventListener('scroll', hide, true);
  return { serve, hide };
})();
