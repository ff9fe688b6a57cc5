// @ts-check
// A cell whose figure changes: what of it is new stands out, and for a moment it is marked.

import { firstDifference } from './figures.js';
import { Flash } from './flash.js';
import { make } from './node.js';

const ARROWS = { 1: '▲', [-1]: '▼', 0: '' };

/** A cell of the watchlist with a figure. */
export class Cell {
  #kept = document.createTextNode('');
  #fresh = document.createTextNode('');
  #arrow = document.createTextNode('');
  #text = '';
  #mark = '';
  #way = 0;
  #flash = new Flash();

  /** @param {string} name of its column */
  constructor(name) {
    const parts = [
      make('span', { class: 'kept' }, [this.#kept]),
      make('span', { class: 'fresh' }, [this.#fresh]),
    ];
    this.node = make('div', { class: `cell ${name}`, role: 'gridcell', tabindex: '-1' }, parts);
    if (name.startsWith('last')) {
      const arrow = make('span', { class: 'arrow', 'aria-hidden': 'true' }, [this.#arrow]);
      this.node.prepend(arrow);
    }
  }

  /**
   * Shows a text; a first one, and one that is emptied, is no change.
   * @param {string} text @param {number} way 1 up, -1 down, 0 neither
   * @param {{ now: number, hold: number }} time how long a change is marked
   */
  show(text, way, { now, hold }) {
    if (text === this.#text) return;
    const at = firstDifference(this.#text, text);
    if (this.#text !== '' && text !== '' && way !== 0) this.#flash.change(way, now, hold);
    this.#kept.data = text.slice(0, at);
    this.#fresh.data = text.slice(at);
    this.#text = text;
  }

  /** Points up or down. @param {number} way */
  point(way) {
    if (way === this.#way) return;
    this.#way = way;
    this.#arrow.data = ARROWS[/** @type {1} */ (way)];
    if (way === 0) delete this.node.dataset.way;
    else this.node.dataset.way = way > 0 ? 'up' : 'down';
  }

  /** Marks it as it has to be now; whether it has to be looked at again. @param {number} now */
  light(now) {
    const mark = this.#flash.mark(now);
    if (mark !== this.#mark) {
      this.#mark = mark;
      if (mark === '') delete this.node.dataset.flash;
      else this.node.dataset.flash = mark;
    }
    return this.#flash.isLit(now);
  }
}
