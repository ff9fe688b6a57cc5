// @ts-check
// A sparkline: the last price of each of the last sixty seconds, and the line that they make.

/** Seconds that are kept. */
export const SECONDS = 60;

/** Prices by the second; numbers, as they are only drawn. */
export class Sparkline {
  /** @type {(number | null)[]} */
  #values = new Array(SECONDS).fill(null);
  #newest = -Infinity;

  /**
   * Notes the price of a second; gaps of silence keep the price before.
   * @param {number} ms @param {number} price
   */
  note(ms, price) {
    const second = Math.floor(ms / 1000);
    if (second <= this.#newest - SECONDS || !Number.isFinite(price)) return;
    this.#advance(second);
    this.#values[second % SECONDS] = price;
  }

  /** Moves on to a second in which nothing may have happened. @param {number} ms */
  advance(ms) {
    this.#advance(Math.floor(ms / 1000));
  }

  /** Forgets all of it. */
  clear() {
    this.#values.fill(null);
    this.#newest = -Infinity;
  }

  /** Points from oldest to newest, each within 0..1 of width and height; y goes down. */
  points() {
    const ordered = [];
    for (let ago = SECONDS - 1; ago >= 0; ago -= 1) {
      const value = this.#values[(this.#newest - ago) % SECONDS] ?? null;
      if (value !== null) ordered.push([(SECONDS - 1 - ago) / (SECONDS - 1), value]);
    }
    const values = ordered.map(([, value]) => value);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const span = high - low;
    return ordered.map(([x, value]) => [x, span === 0 ? 0.5 : (high - value) / span]);
  }

  /** The second that it is at; with the price it says whether anything changed. */
  get newest() {
    return this.#newest;
  }

  /** @param {number} second */
  #advance(second) {
    if (second <= this.#newest) return;
    const steps = Math.min(second - this.#newest, SECONDS);
    const held = Number.isFinite(this.#newest) ? this.#values[this.#newest % SECONDS] : null;
    for (let step = 0; step < steps; step += 1) this.#values[(second - step) % SECONDS] = held;
    this.#newest = second;
  }
}
