// @ts-check
// The painter: what changed is painted once per frame of the browser, however much came.

/** Paints the parts of a page. */
export class Painter {
  /** @type {{ paint: (now: number) => boolean | void }[]} */
  #parts = [];
  /** Painted even while the rest is held. @type {{ paint: (now: number) => boolean | void }[]} */
  #frames = [];
  #isHeld = false;
  #asked = false;
  /** Told how long each painting took, in ms; for measuring. @type {(took: number) => void} */
  onPainted = () => {};

  /**
   * A part that looks itself for what changed; true if it has to be painted again soon.
   * @param {{ paint: (now: number) => boolean | void }} part
   */
  add(part) {
    this.#parts.push(part);
  }

  /**
   * A part that has no prices, and is painted also while these are held.
   * @param {{ paint: (now: number) => boolean | void }} part
   */
  addFrame(part) {
    this.#frames.push(part);
  }

  /**
   * Leaves the prices as they are, so that those of two times are never seen together.
   * @param {boolean} isHeld
   */
  hold(isHeld) {
    this.#isHeld = isHeld;
    document.body.toggleAttribute('data-held', isHeld);
    this.wake();
  }

  /** Something changed. */
  wake() {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(this.#frame);
  }

  #frame = () => {
    this.#asked = false;
    const started = performance.now();
    let again = false;
    const parts = this.#isHeld ? this.#frames : [...this.#frames, ...this.#parts];
    for (const part of parts) again = part.paint(Date.now()) === true || again;
    this.onPainted(performance.now() - started);
    if (again) this.wake();
  };
}
