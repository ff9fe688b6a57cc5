// @ts-check
// The title of the tab: the price of the symbol in the chart.

import { split } from './row.js';

/** A title that blinks is read by nobody. */
const EVERY_MS = 1000;

/** The title of the tab. */
export class Title {
  #painted = 0;

  /**
   * @param {import('./desk.js').Desk} desk
   * @param {() => import('./figures.js').Figures} figures
   */
  constructor(desk, figures) {
    this.desk = desk;
    this.figures = figures;
  }

  /** @param {number} now ms */
  paint(now) {
    if (now - this.#painted < EVERY_MS) return;
    this.#painted = now;
    const { fields, places, symbol } = this.desk.ticker(this.desk.symbol);
    const price = this.figures().price(fields.last, places);
    const title = price === '' ? 'Tickwire' : `${split(symbol)[1]} ${price} · Tickwire`;
    if (document.title !== title) document.title = title;
  }
}
