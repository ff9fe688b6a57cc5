// @ts-check
// Prints: the last trades of one symbol, newest first, as the tape shows them.

import { compare } from './decimal.js';
import { msOf } from './instant.js';

/** Prints that are kept. */
export const PRINTS_MAX = 500;
/** How often the sizes are looked at to tell what is large. */
const RANK_EVERY = 25;

/**
 * @typedef {object} Print
 * @property {number} seq @property {number} at ms
 * @property {string} price @property {string} size
 * @property {string} [side] `buy` or `sell`: the aggressor's
 * @property {boolean} late
 * @property {string} [action] `cancel` or `correct`, once it was amended
 * @property {Note} [note] instead of a trade: what happened between those around it
 *
 * @typedef {{ cause: string, missing?: number, state?: string }} Note
 */

/** The last trades of one symbol. */
export class Prints {
  /** What is shown, newest first. @type {Print[]} */
  list = [];
  /** Came while the list stood still, newest first. @type {Print[]} */
  #held = [];
  #isHeld = false;
  #least = '';
  #since = 0;
  #large = Infinity;
  #huge = Infinity;
  version = 0;

  /** Takes a message of `trades`. @param {Record<string, any>} message @param {number} now ms */
  apply(message, now) {
    if (message.type === 'amend') this.#amend(message);
    else if (message.type === 'gap')
      this.#note(/** @type {any} */ (message), message.seq ?? 0, now);
    else if (message.price !== undefined) this.#take(message);
  }

  /** Lets the list stand still, and counts what comes. */
  hold() {
    this.#isHeld = true;
  }

  /** Shows what came meanwhile. */
  release() {
    this.#isHeld = false;
    if (this.#held.length === 0) return;
    this.list = [...this.#held, ...this.list].slice(0, PRINTS_MAX);
    this.#held = [];
    this.version += 1;
  }

  /** How many came since it stands still. */
  get waiting() {
    return this.#held.length;
  }

  /** Shows no smaller ones from now on. @param {string} size a decimal, or '' for all */
  setLeast(size) {
    this.#least = size;
    this.version += 1;
  }

  /** Those that are large enough to be shown. */
  get shown() {
    const least = this.#least;
    return least === '' ? this.list : this.list.filter((print) => isAtLeast(print, least));
  }

  /** 2 for the largest hundredth, 1 for the largest tenth, else 0. @param {Print} print */
  rank(print) {
    const size = Number(print.size);
    return size >= this.#huge ? 2 : Number(size >= this.#large);
  }

  /** @param {Record<string, any>} message */
  #take(message) {
    const { seq, price, size, side } = message;
    if (this.#find(seq)) return;
    const at = msOf(message.ts ?? message.recv);
    this.#push({ seq, at, price, size, side, late: message.late === true });
    this.#since += 1;
    if (this.#since >= RANK_EVERY || this.list.length <= RANK_EVERY) this.#rankAll();
  }

  /** @param {Record<string, any>} message */
  #amend(message) {
    const print = this.#find(message.of);
    if (!print) return;
    print.action = message.action;
    if (message.price !== undefined) print.price = message.price;
    if (message.size !== undefined) print.size = message.size;
    this.version += 1;
  }

  /** @param {number} seq */
  #find(seq) {
    const is = (/** @type {Print} */ print) => print.seq === seq && print.note === undefined;
    return this.#held.find(is) ?? this.list.find(is);
  }

  /** @param {Note} gap @param {number} seq @param {number} now */
  #note({ cause, missing, state }, seq, now) {
    const note = { cause, missing, state };
    const place = seq || (this.#held[0] ?? this.list[0])?.seq || 0;
    this.#push({ seq: place, at: now, price: '', size: '', late: false, note });
  }

  /** @param {Print} print */
  #push(print) {
    const isNew = print.seq >= (this.list[0]?.seq ?? 0);
    const list = this.#isHeld && isNew ? this.#held : this.list;
    // What history has comes later than the stream, and belongs below it.
    let at = 0;
    while (at < list.length && list[at].seq > print.seq) at += 1;
    list.splice(at, 0, print);
    if (list.length > PRINTS_MAX) list.length = PRINTS_MAX;
    this.version += 1;
  }

  #rankAll() {
    this.#since = 0;
    const sizes = this.list.map((print) => Number(print.size)).sort((a, b) => a - b);
    if (sizes.length < RANK_EVERY) return;
    this.#large = sizes[Math.floor(sizes.length * 0.9)];
    this.#huge = sizes[Math.floor(sizes.length * 0.99)];
  }
}

/** @param {Print} print @param {string} least */
function isAtLeast(print, least) {
  return print.note !== undefined || compare(print.size, least) >= 0;
}
