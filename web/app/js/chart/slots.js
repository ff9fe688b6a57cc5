// @ts-check
// Slots: the places of a chart's time axis, one for each interval, also where no bar is.

/** Longer silence than this many intervals is not drawn at its full length. */
export const EMPTY_MAX = 90;

/** @typedef {import('../bars.js').Bar} Bar */
/** @typedef {{ start: number, bar: Bar | null }} Slot */

/** The axis of a list of bars. */
export class Slots {
  /** @type {Slot[]} */
  list = [];

  /** @param {number} ms of one interval */
  constructor(ms) {
    this.ms = ms;
  }

  /** @param {Bar[]} bars oldest first */
  set(bars) {
    this.list = [];
    for (const bar of bars) this.push(bar);
  }

  /**
   * Takes the newest bar: another one, or the same changed. Returns the slots that changed.
   * @param {Bar} bar
   */
  push(bar) {
    const last = this.list[this.list.length - 1];
    const slot = { start: bar.start, bar };
    if (last?.start === bar.start) {
      this.list[this.list.length - 1] = slot;
      return [slot];
    }
    const added = last ? this.#empty(last.start, bar.start) : [];
    added.push(slot);
    this.list.push(...added);
    return added;
  }

  /**
   * Where a time is along the axis, in slots from its first; before it and after it as well.
   * @param {number} ms
   */
  indexOf(ms) {
    const { list } = this;
    if (list.length === 0) return NaN;
    let [low, high] = [0, list.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (list[middle].start <= ms) low = middle + 1;
      else high = middle;
    }
    const at = low - 1;
    if (at < 0) return (ms - list[0].start) / this.ms;
    const next = list[at + 1];
    const length = next ? next.start - list[at].start : this.ms;
    return at + (ms - list[at].start) / length;
  }

  /** @param {number} after @param {number} before @returns {Slot[]} */
  #empty(after, before) {
    const count = Math.min(EMPTY_MAX, Math.round((before - after) / this.ms) - 1);
    const empty = [];
    for (let ago = count; ago > 0; ago -= 1)
      empty.push({ start: before - ago * this.ms, bar: null });
    return empty;
  }
}
