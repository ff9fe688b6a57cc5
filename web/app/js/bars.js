// @ts-check
// Bars of one symbol in one interval, from history and continued by the stream.

import { add, compare } from './decimal.js';
import { msOf } from './instant.js';

/** Bars that are kept: the oldest go. */
export const BARS_MAX = 5000;

/** What the chart offers: the server's interval, its length, and how many of it make one bar. */
export const INTERVALS = /** @type {const} */ ({
  '1s': { of: '1s', ms: 1000, parts: 1 },
  '5s': { of: '1s', ms: 5000, parts: 5 },
  '1m': { of: '1m', ms: 60_000, parts: 1 },
  '5m': { of: '5m', ms: 300_000, parts: 1 },
  '1h': { of: '1h', ms: 3_600_000, parts: 1 },
});

/**
 * @typedef {object} Bar
 * @property {number} start ms since 1970
 * @property {string} open @property {string} high @property {string} low @property {string} close
 * @property {string} volume
 * @property {number} trades
 * @property {boolean} final whether its interval is over
 * @property {boolean} revised whether it changed after that
 * @property {number} seq of the last message that changed it
 */

/** Bars by their start, oldest first. */
export class Bars {
  /** @type {Bar[]} */
  list = [];
  /** Grows with each change; `changedFrom` is the oldest bar that changed since it was taken. */
  version = 0;
  changedFrom = 0;
  /** Bars of the server that make ours, by their start. @type {Map<number, Bar>} */
  #parts = new Map();

  /** @param {keyof typeof INTERVALS} interval */
  constructor(interval) {
    this.interval = interval;
    this.span = INTERVALS[interval];
  }

  /** The newest. @returns {Bar | undefined} */
  get last() {
    return this.list[this.list.length - 1];
  }

  /** The bar that begins then. @param {number} start ms @returns {Bar | undefined} */
  at(start) {
    const bar = this.list[this.#place(start)];
    return bar?.start === start ? bar : undefined;
  }

  /** When a bar that begins then is over. @param {number} start ms */
  end(start) {
    return start + this.span.ms;
  }

  /**
   * Takes a row of `/v1/bars` or a message of the stream; what is older is put in its place.
   * @param {Record<string, any>} message
   */
  apply(message) {
    const part = partOf(message);
    if (part === null || this.#isOld(part)) return;
    const start = Math.floor(part.start / this.span.ms) * this.span.ms;
    if (this.span.parts > 1) this.#parts.set(part.start, part);
    const bar = this.span.parts > 1 ? this.#fold(start) : part;
    const at = this.#place(start);
    if (this.list[at]?.start === start) this.list[at] = bar;
    else this.list.splice(at, 0, bar);
    this.#trim();
    this.changedFrom = Math.min(this.changedFrom, Math.max(0, at));
    this.version += 1;
  }

  /** Says that everything was seen up to now. */
  taken() {
    this.changedFrom = Math.max(0, this.list.length - 1);
  }

  /** A page of history may be older than what the stream said. @param {Bar} part */
  #isOld(part) {
    const held = this.span.parts > 1 ? this.#parts.get(part.start) : this.at(part.start);
    return held !== undefined && held.seq > part.seq;
  }

  /** @param {number} start */
  #place(start) {
    let at = this.list.length;
    while (at > 0 && this.list[at - 1].start >= start) at -= 1;
    return at;
  }

  /** @param {number} start @returns {Bar} */
  #fold(start) {
    const step = this.span.ms / this.span.parts;
    const parts = [];
    for (let at = start; at < start + this.span.ms; at += step) {
      const part = this.#parts.get(at);
      if (part) parts.push(part);
    }
    const [first, ...others] = parts;
    return others.reduce(join, { ...first, start });
  }

  #trim() {
    if (this.list.length <= BARS_MAX) return;
    this.list.splice(0, this.list.length - BARS_MAX);
    this.changedFrom = 0;
    for (const start of this.#parts.keys()) {
      if (start < this.list[0].start) this.#parts.delete(start);
    }
  }
}

/** @param {Bar} sum @param {Bar} part @returns {Bar} */
function join(sum, part) {
  return {
    start: sum.start,
    open: sum.open,
    high: compare(part.high, sum.high) > 0 ? part.high : sum.high,
    low: compare(part.low, sum.low) < 0 ? part.low : sum.low,
    close: part.close,
    volume: add(sum.volume, part.volume),
    trades: sum.trades + part.trades,
    final: part.final,
    revised: sum.revised || part.revised,
    seq: Math.max(sum.seq, part.seq),
  };
}

/**
 * What no trade of a bar moved is null; such a bar is not drawn.
 * @param {Record<string, any>} row
 */
function partOf(row) {
  const { open, high, low, close, volume, trades, final, revision, seq } = row;
  if (open == null || high == null || low == null || close == null) return null;
  const start = msOf(row.start);
  const revised = revision > 0;
  return { start, open, high, low, close, volume: volume ?? '0', trades, final, revised, seq };
}
