// @ts-check
// Gaps: spans of time of which something is missing, and what became of them.

import { msOf } from './instant.js';

/** Gaps that are kept: the oldest go. */
const GAPS_MAX = 200;
/** A gap that ended where it began is still to be seen. */
const SPAN_MIN_MS = 500;

/**
 * @typedef {object} Gap
 * @property {number} of the place where it began
 * @property {number} from ms @property {number | null} to ms, null while it is open
 * @property {string} cause `venue_disconnect`, `venue_sequence`, `venue_checksum` or `tape`
 * @property {string} state `open`, `filled` or `lost`
 * @property {number} [missing] messages, if they can be counted
 * @property {number} [until] ms, when data came again, though nobody said what was missing
 */

/** Gaps by where they began. */
export class Gaps {
  /** @type {Map<number, Gap>} */
  #gaps = new Map();
  version = 0;

  /**
   * Takes a row of `/v1/gaps` or a message of the stream; those of a slow client are not the
   * venue's and have no `of`.
   * @param {Record<string, any>} row @param {number} now ms, for a message that has no time
   */
  apply(row, now) {
    if (row.of === undefined) return;
    const known = this.#gaps.get(row.of);
    // Only rows of history have a time: a message may be one of those before the page was opened.
    const isTold = row.recv !== undefined;
    if (known && !isTold && known.state === row.state) return;
    const at = isTold ? msOf(row.recv) : now;
    const { of, cause, state } = row;
    /** @type {Gap} */
    const gap = known ?? { of, from: at, to: null, cause, state };
    if (isTold && state === 'open') gap.from = at;
    gap.state = state === 'open' ? gap.state : state;
    if (row.missing !== undefined) gap.missing = row.missing;
    if (state !== 'open') gap.to = Math.max(at, gap.from + SPAN_MIN_MS);
    this.#gaps.set(of, gap);
    const [oldest] = this.#gaps.keys();
    if (this.#gaps.size > GAPS_MAX) this.#gaps.delete(oldest);
    this.version += 1;
  }

  /** Data came again: a gap of which nobody says the end was over by then. @param {number} ms */
  resume(ms) {
    const open = [...this.#gaps.values()].filter((gap) => gap.to === null && gap.from <= ms);
    const newest = open[open.length - 1];
    if (newest === undefined || newest.until !== undefined) return;
    newest.until = ms;
    this.version += 1;
  }

  /** All of them. @returns {Gap[]} */
  get list() {
    return [...this.#gaps.values()];
  }
}

/**
 * From when to when nothing is known: from the last bar before a gap, as a server that was away
 * says it only once it is back, to what it is known to have ended with.
 * @param {Gap} gap @param {{ list: { start: number }[], span: { ms: number } }} bars
 * @param {number} now ms
 */
export function spanOf({ from, to, until }, { list, span }, now) {
  const next = list.findIndex(({ start }) => start > from);
  const before = list[(next < 0 ? list.length : next) - 1];
  const begin = before === undefined ? from : Math.min(from, before.start + span.ms);
  const end = to ?? until ?? list[next]?.start ?? now;
  return { from: begin, to: Math.max(end, begin + SPAN_MIN_MS) };
}
