// The few ways in which this page touches the document. Foreign text goes into text nodes and nowhere else.

export const byId = (id) => document.getElementById(id);

/** `el("li", {class: "x", title: "y", onclick: f}, "text", node)`; null and "" among the children are left out. */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

export function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

export function attribute(node, name, value) {
  if (value === null || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
}

const KEPT = new WeakMap();

/**
 * Bring the children of `parent` in line with `items`: a node for each key, made once, updated in place, moved only where
 * the order has changed. What has the focus keeps it. Children that were not made here stay in front.
 */
export function keyed(parent, items, keyOf, make, update) {
  const before = KEPT.get(parent) ?? new Map();
  const after = new Map();
  const focused = document.activeElement;
  for (const item of items) {
    const key = keyOf(item);
    const node = before.get(key) ?? make(item);
    update(node, item);
    after.set(key, node);
  }
  for (const [key, node] of before) if (!after.has(key)) node.remove();
  const wanted = new Set(after.values());
  let place = parent.firstChild;
  while (place && !wanted.has(place)) place = place.nextSibling;
  for (const node of wanted) {
    if (node === place) place = place.nextSibling;
    else if (place && place.nextSibling === node) place = node.nextSibling; // the one in between has its turn later
    else parent.insertBefore(node, place);
  }
  KEPT.set(parent, after);
  if (focused && focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
}

/** Put `children` in place of what is there, only where `mark` differs from the last time. */
export function replaced(parent, mark, children) {
  if (parent.dataset.mark === mark) return false;
  parent.dataset.mark = mark;
  parent.replaceChildren(...children());
  return true;
}
