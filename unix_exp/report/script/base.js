// What the other parts share. Texts come from anybody's runs: they are only ever set as text, never as markup.

const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
const made = (name, kind, ...children) => {
  const element = document.createElement(name);
  if (kind) element.className = kind;
  element.append(...children);
  return element;
};
const words = new Intl.Collator('en', {numeric: true});  // k=9 before k=16
