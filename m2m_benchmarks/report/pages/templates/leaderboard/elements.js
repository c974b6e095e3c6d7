// Makes elements. Text only ever becomes a text node or an attribute, so that no name is read as markup.
const Elements = (() => {
  'use strict';
  const fill = (element, attributes, children) => {
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (typeof value === 'function') element.addEventListener(name, value);
      else element.setAttribute(name, value === true ? '' : value);
    }
    element.append(...children.flat(2).filter((child) => child !== null && child !== undefined));
    return element;
  };
  // A function among the attributes is called on the event of that name: {click: open}.
  const make = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
  const draw = (tag, attributes = {}, ...children) =>
    fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
  const byId = (id) => document.getElementById(id);
  return { make, draw, byId };
})();
