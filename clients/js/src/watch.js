// @ts-check
/** Notices that nothing came for too long. */
export class Watch {
  #last = Date.now();
  #due = 0;
  /** @type {any} */
  #timer = null;

  /**
   * @param {number} longestMs silence that is too long
   * @param {() => void} onSilence called once
   */
  constructor(longestMs, onSilence) {
    this.longestMs = longestMs;
    this.onSilence = onSilence;
    this.#wait(longestMs);
  }

  /** Something came. */
  seen() {
    this.#last = Date.now();
  }

  stop() {
    clearTimeout(this.#timer);
  }

  /** @param {number} ms */
  #wait(ms) {
    this.#due = Date.now() + ms;
    this.#timer = setTimeout(() => this.#look(), ms);
  }

  #look() {
    const now = Date.now();
    // A page that slept has messages waiting behind this timer: let them come first.
    if (now - this.#due > this.longestMs / 2) return this.#wait(this.longestMs / 2);
    const left = this.#last + this.longestMs - now;
    if (left > 0) this.#wait(left);
    else this.onSilence();
  }
}
