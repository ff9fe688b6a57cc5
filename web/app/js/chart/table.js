// @ts-check
// The last bars as a table: what the chart shows, for those who do not see it.

import { dateClockOf } from '../instant.js';
import { find, make, setText } from '../node.js';
import { say } from '../words.js';

const ROWS = 20;
const COLUMNS = /** @type {const} */ (['start', 'open', 'high', 'low', 'close', 'volume']);

/** A table of bars, whose rows are made once. */
export class BarsTable {
  #details = /** @type {HTMLDetailsElement} */ (find('bars').closest('details'));
  /** @type {Text[][]} */
  #cells = [];
  #rows = /** @type {HTMLElement[]} */ ([]);

  constructor() {
    const head = COLUMNS.map((name) => {
      const key = /** @type {any} */ (`bar.${name}`);
      return make('th', { scope: 'col', 'data-word': key }, [say(key)]);
    });
    find('bars').tHead.append(make('tr', {}, head));
    for (let row = 0; row < ROWS; row += 1) {
      const texts = COLUMNS.map(() => document.createTextNode(''));
      this.#cells.push(texts);
      const cells = texts.map((text) => make('td', {}, [text]));
      this.#rows.push(make('tr', {}, cells));
    }
    find('bars').tBodies[0].append(...this.#rows);
  }

  /** Whether it is looked at; if not it is not patched. */
  get isOpen() {
    return this.#details.open;
  }

  /**
   * @param {import('../bars.js').Bar[]} bars
   * @param {{ figures: import('../figures.js').Figures, places: number }} how
   */
  paint(bars, { figures, places }) {
    const newest = bars.slice(-ROWS).reverse();
    this.#rows.forEach((row, index) => {
      const bar = newest[index];
      row.hidden = bar === undefined;
      if (bar === undefined) return;
      const revised = bar.revised ? ` (${say('revised')})` : '';
      const texts = [dateClockOf(bar.start).slice(0, 19) + revised];
      for (const price of [bar.open, bar.high, bar.low, bar.close]) {
        texts.push(figures.price(price, places));
      }
      texts.push(figures.exact(bar.volume));
      texts.forEach((text, column) => setText(this.#cells[index][column], text));
    });
  }
}
