// @ts-check
// The painter: what changed is painted once per frame of the browser, however much came.

/** Paints the parts of a page. */
export class Painter {
  /** @type {{ paint: (now: number) => boolean | void }[]} */
  #parts = [];
  #asked = false;
  /** Told how long each painting took, in ms; for measuring. @type {(took: number) => void} */
  onPainted = () => {};

  /** A part that looks itself for what changed; true if it has to be painted again soon. @param {{ paint: (now: number) => boolean | void }} part */
  add(part) {
    this.#parts.push(part);
    return part;
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
    for (const part of this.#parts) again = part.paint(Date.now()) === true || again;
    this.onPainted(performance.now() - started);
    if (again) this.wake();
  };
}
