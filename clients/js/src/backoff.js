// @ts-check
/** How long to wait before the next attempt: doubling, and spread by chance. */
export class Backoff {
  #failures = 0;

  /** @param {{ minMs?: number, maxMs?: number, random?: () => number }} [options] */
  constructor({ minMs = 250, maxMs = 20_000, random = Math.random } = {}) {
    this.minMs = minMs;
    this.maxMs = maxMs;
    this.random = random;
  }

  /** Attempts since the last success. */
  get attempt() {
    return this.#failures;
  }

  /**
   * The wait before the next attempt, in ms.
   * @returns {number}
   */
  next() {
    const longest = Math.min(this.maxMs, this.minMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return Math.round(longest * (0.5 + this.random() / 2));
  }

  reset() {
    this.#failures = 0;
  }
}
