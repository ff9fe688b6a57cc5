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
    const at = row.recv === undefined ? now : msOf(row.recv);
    const known = this.#gaps.get(row.of);
    const gap = known ?? { of: row.of, from: at, to: null, cause: row.cause, state: row.state };
    gap.state = row.state;
    if (row.missing !== undefined) gap.missing = row.missing;
    if (row.state !== 'open') gap.to = Math.max(at, gap.from + SPAN_MIN_MS);
    this.#gaps.set(row.of, gap);
    if (this.#gaps.size > GAPS_MAX) this.#gaps.delete(this.#gaps.keys().next().value);
    this.version += 1;
  }

  /** All of them. @returns {Gap[]} */
  get list() {
    return [...this.#gaps.values()];
  }
}
