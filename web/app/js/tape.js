// @ts-check
// Time and sales: the prints as rows; those in sight are painted, and the list stands still while
// it is read.

import { fineClockOf } from './instant.js';
import { find, make, setAttribute, setText } from './node.js';
import { say, term } from './words.js';

const ROW = 18;
const ARROWS = /** @type {Record<string, string>} */ ({ buy: '▲', sell: '▼' });
const WAYS = /** @type {Record<string, string>} */ ({ buy: 'up', sell: 'down' });

/** The tape of one symbol. */
export class Tape {
  #node = find('prints');
  #space = make('div', { class: 'space', role: 'rowgroup' });
  #waiting = find('waiting');
  /** @type {Map<import('./prints.js').Print, Line>} */
  #lines = new Map();
  /** @type {Line[]} */
  #spare = [];
  #seen = { version: -1, top: 0, height: 400, prints: /** @type {any} */ (null) };
  #top = 0;
  #height = 400;
  #isRead = false;

  /**
   * @param {import('./desk.js').Desk} desk @param {() => import('./figures.js').Figures} figures
   */
  constructor(desk, figures) {
    this.desk = desk;
    this.figures = figures;
    this.#node.append(this.#space);
    this.#node.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#scrolled()).observe(this.#node);
    this.#node.addEventListener('pointerenter', () => this.#read(true));
    this.#node.addEventListener('pointerleave', () => this.#read(false));
    this.#waiting.addEventListener('click', () => this.#goOn());
    const least = find('least');
    least.addEventListener('input', () => {
      const text = least.value.trim();
      const isSize = text === '' || /^\d*\.?\d+$/.test(text);
      setAttribute(least, 'aria-invalid', isSize ? null : 'true');
      if (isSize) this.#filter(text.startsWith('.') ? `0${text}` : text);
    });
  }

  /** @type {() => void} */
  onDirty = () => {};

  paint() {
    const { prints } = this.desk;
    const isHeld = this.#isRead || this.#top > ROW;
    if (isHeld) prints.hold();
    else prints.release();
    const { waiting, version } = prints;
    this.#waiting.hidden = waiting === 0;
    if (waiting > 0) setText(this.#waiting, say('tape.new', { count: waiting }));
    const seen = this.#seen;
    if (
      seen.prints === prints &&
      seen.version === version &&
      seen.top === this.#top &&
      seen.height === this.#height
    )
      return;
    this.#seen = { prints, version, top: this.#top, height: this.#height };
    this.#paintLines(prints);
  }

  /** @param {import('./prints.js').Prints} prints */
  #paintLines(prints) {
    const shown = prints.shown;
    const height = `${shown.length * ROW}px`;
    if (this.#space.style.height !== height) this.#space.style.height = height;
    const first = Math.max(0, Math.floor(this.#top / ROW) - 1);
    const count = Math.min(shown.length - first, Math.ceil(this.#height / ROW) + 2);
    const seen = shown.slice(first, first + count);
    this.#free(new Set(seen));
    const places = this.desk.ticker(this.desk.symbol).places;
    seen.forEach((print, index) => {
      // A print keeps its line as it moves down: only what is new is written.
      const line = this.#lines.get(print) ?? this.#take(print);
      line.paint(print, { y: (first + index) * ROW, places, figures: this.figures(), prints });
    });
  }

  /**
   * Lines of prints that are not seen any more are for others.
   * @param {Set<import('./prints.js').Print>} seen
   */
  #free(seen) {
    for (const [print, line] of this.#lines) {
      if (seen.has(print)) continue;
      this.#lines.delete(print);
      this.#spare.push(line);
    }
    for (const line of this.#spare) line.node.hidden = true;
  }

  /** @param {import('./prints.js').Print} print */
  #take(print) {
    let line = this.#spare.pop();
    if (!line) {
      line = new Line();
      this.#space.append(line.node);
    }
    line.node.hidden = false;
    this.#lines.set(print, line);
    return line;
  }

  #scrolled() {
    this.#top = this.#node.scrollTop;
    this.#height = this.#node.clientHeight;
    this.onDirty();
  }

  /** @param {boolean} isRead */
  #read(isRead) {
    this.#isRead = isRead;
    this.onDirty();
  }

  #goOn() {
    this.#node.scrollTop = 0;
    this.#isRead = false;
    this.desk.prints.release();
    this.#scrolled();
  }

  /** @param {string} size */
  #filter(size) {
    this.desk.prints.setLeast(size);
    this.onDirty();
  }
}

/** A line that shows one print after another. */
class Line {
  #at = document.createTextNode('');
  #arrow = document.createTextNode('');
  #price = document.createTextNode('');
  #size = document.createTextNode('');
  #y = -1;

  constructor() {
    const span = (/** @type {string} */ name, /** @type {Text} */ text) =>
      make('span', { class: name, role: 'cell' }, [text]);
    this.node = make('div', { class: 'print', role: 'row' }, [
      span('at', this.#at),
      span('arrow', this.#arrow),
      span('price', this.#price),
      span('size', this.#size),
    ]);
  }

  /**
   * @param {import('./prints.js').Print} print
   * @param {{ y: number, places: number, figures: import('./figures.js').Figures,
   *   prints: import('./prints.js').Prints }} how
   */
  paint(print, { y, places, figures, prints }) {
    if (y !== this.#y) {
      this.#y = y;
      this.node.style.top = `${y}px`;
      setAttribute(this.node, 'aria-rowindex', String(y / ROW + 1));
    }
    const side = print.side ?? '';
    const isNote = print.note !== undefined;
    // A gap has no time of its own: it lies between the trades around it.
    write(this.#at, isNote ? '' : fineClockOf(print.at));
    write(this.#arrow, ARROWS[side] ?? '');
    write(this.#price, isNote ? '' : figures.price(print.price, places));
    write(this.#size, print.note ? noteText(print.note) : figures.exact(print.size));
    setAttribute(this.node, 'data-way', WAYS[side] ?? null);
    setAttribute(this.node, 'data-rank', isNote ? null : String(prints.rank(print)));
    const kind = isNote ? 'note' : (print.action ?? (print.late ? 'late' : null));
    setAttribute(this.node, 'data-kind', kind);
    setAttribute(this.node, 'title', kind === null || isNote ? null : term(kind));
  }
}

/** @param {Text} node @param {string} text */
function write(node, text) {
  if (node.data !== text) node.data = text;
}

/** "gap: feed reconnect 27 lost". @param {import('./prints.js').Note} note */
function noteText({ cause, missing, state }) {
  const what = state === undefined || state === 'open' ? '' : term(state);
  return [`${say('gap')}: ${term(cause)}`, missing ?? '', what].join(' ').trim();
}
