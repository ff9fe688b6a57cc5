// @ts-check
/** Operations that may wait to be sent; one for each change of a subscription, and some. */
const BOUND = 10_000;

/** Operations on their way, no more in a second than the server takes. */
export class Ops {
  /** @type {string[]} */
  #waiting = [];
  #sent = 0;
  /** @type {any} */
  #timer = null;

  /**
   * @param {(text: string) => void} send
   * @param {number} perSecond
   */
  constructor(send, perSecond) {
    this.send = send;
    this.perSecond = Math.max(1, perSecond);
  }

  /** @param {object} op */
  push(op) {
    if (this.#waiting.length >= BOUND) throw new RangeError(`${BOUND} operations wait already`);
    this.#waiting.push(JSON.stringify(op));
    this.#flush();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#waiting = [];
  }

  #flush() {
    while (this.#waiting.length > 0 && this.#sent < this.perSecond) {
      this.#sent += 1;
      this.send(/** @type {string} */ (this.#waiting.shift()));
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#sent = 0;
      if (this.#waiting.length > 0) this.#flush();
    }, 1_000);
  }
}
