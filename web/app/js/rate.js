// @ts-check
// Rates and middles of what came in the last second.

/** How many in the last second. */
export class Rate {
  #since = NaN;
  #count = 0;
  perSecond = 0;

  /** @param {number} count */
  add(count) {
    this.#count += count;
  }

  /** Looks at the clock; true if a second is over. @param {number} now ms */
  turn(now) {
    if (!(now - this.#since < 1000)) {
      const seconds = (now - this.#since) / 1000;
      this.perSecond = Number.isFinite(seconds) ? this.#count / seconds : 0;
      this.#since = now;
      this.#count = 0;
      return true;
    }
    return false;
  }
}

/** The middle and the 95th of every hundred of the last values. */
export class Spread {
  #values = new Array(256).fill(0);
  #count = 0;

  /** @param {number} value */
  add(value) {
    if (Number.isFinite(value)) this.#values[this.#count++ % this.#values.length] = value;
  }

  /** @param {number} share 0..1 @returns {number} NaN if there is none */
  at(share) {
    const count = Math.min(this.#count, this.#values.length);
    const sorted = this.#values.slice(0, count).sort((a, b) => a - b);
    return sorted[Math.min(count - 1, Math.floor(count * share))] ?? NaN;
  }

  clear() {
    this.#count = 0;
  }
}
