// @ts-check
// Steps: the places of the last messages of a replay, so that it can be stepped back.

/** Places that are kept. */
export const STEPS_MAX = 1000;

/** Places, each later than the one before. */
export class Steps {
  /** @type {number[]} */
  #places = [];

  /**
   * A message came; those of one event have the same place.
   * @param {number} seq
   */
  take(seq) {
    if (seq === this.#places[this.#places.length - 1]) return;
    this.#places.push(seq);
    if (this.#places.length > 2 * STEPS_MAX) this.#places.splice(0, STEPS_MAX);
  }

  /** The place before the last one, which is forgotten; undefined if it is not known. */
  back() {
    if (this.#places.length < 2) return undefined;
    this.#places.pop();
    return this.#places.pop();
  }

  /** Goes somewhere else. */
  clear() {
    this.#places = [];
  }
}
