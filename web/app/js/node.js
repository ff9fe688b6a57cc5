// @ts-check
// Nodes of the page: made once, and patched where they changed. Data only ever becomes text.

/**
 * Makes an element.
 * @param {string} tag @param {Record<string, string>} [attributes]
 * @param {(Node | string)[]} [inner]
 * @returns {HTMLElement}
 */
export function make(tag, attributes = {}, inner = []) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...inner);
  return node;
}

/**
 * The element of the page with an id.
 * @param {string} id @returns {any}
 */
export function find(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`the page has no #${id}`);
  return node;
}

/** Sets a text if it is another one. @param {Node} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Sets an attribute if it is another one; null takes it away.
 * @param {Element} node @param {string} name @param {string | null} value
 */
export function setAttribute(node, name, value) {
  if (node.getAttribute(name) === value) return;
  if (value === null) node.removeAttribute(name);
  else node.setAttribute(name, value);
}

/**
 * A canvas as sharp as the screen; returns what to draw with, in CSS pixels.
 * @param {HTMLCanvasElement} canvas
 */
export function sharpen(canvas) {
  const scale = window.devicePixelRatio || 1;
  const { width, height } = sizeOf(canvas);
  const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
  }
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}

/** The page's typeface, for what is drawn; it is the same in all its looks. */
export function typeface() {
  family ??= getComputedStyle(document.body).fontFamily;
  return family;
}
/** @type {string | undefined} */
let family;

/**
 * Asking for it lays the page out: the browser says it when it changes.
 * @type {WeakMap<Element, DOMRectReadOnly>}
 */
const sizes = new WeakMap();
/** @type {ResizeObserver | undefined} */
let watch;

/** @param {HTMLCanvasElement} canvas @returns {{ width: number, height: number }} */
function sizeOf(canvas) {
  const known = sizes.get(canvas);
  if (known && known.width > 0) return known;
  watch ??= new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) sizes.set(target, contentRect);
  });
  watch.observe(canvas);
  return { width: canvas.clientWidth, height: canvas.clientHeight };
}
