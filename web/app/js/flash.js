// @ts-check
// The flash of one cell: how it is marked after its figure changed, and until when.
//
// More than three changes in a second would blink (WCAG 2.3.1), so then it stays marked steadily.

/** How long a mark stands after a change, in ms. */
export const FLASH_MS = 300;
/** The same where motion is reduced: longer, so that it is seen without moving. */
export const HELD_MS = 1000;
const PER_SECOND_MAX = 3;

/** @typedef {'' | 'up' | 'down' | 'steady'} Mark */

/** The flash of one cell. */
export class Flash {
  #changes = new Array(PER_SECOND_MAX + 1).fill(-Infinity);
  #way = 0;
  #until = -Infinity;
  #steadyUntil = -Infinity;

  /**
   * Its figure changed.
   * @param {number} way 1 up, -1 down @param {number} now ms @param {number} [hold] ms
   */
  change(way, now, hold = FLASH_MS) {
    this.#changes.shift();
    this.#changes.push(now);
    this.#way = way;
    this.#until = now + hold;
    if (now - this.#changes[0] < 1000) this.#steadyUntil = now + 1000;
  }

  /** How it is marked now. @param {number} now ms @returns {Mark} */
  mark(now) {
    if (now < this.#steadyUntil) return 'steady';
    if (now >= this.#until || this.#way === 0) return '';
    return this.#way > 0 ? 'up' : 'down';
  }

  /** Whether it has to be looked at again. @param {number} now ms */
  isLit(now) {
    return now < this.#until || now < this.#steadyUntil;
  }
}
