// @ts-check
/**
 * @typedef {'apply' | 'repeat' | 'missed' | 'due' | 'unheld'} Verdict what to do with a
 *   message; nothing is taken of one that is `due` (a snapshot is asked for) or `unheld`
 * @typedef {{ verdict: Verdict, lost?: { reason: string, held: number | null } }} Judgement
 */

/** What is held of each stream of one channel, and the one rule of PROTOCOL.md. */
export class Ledger {
  /** @type {Map<string, number>} */
  #held = new Map();
  /** Streams whose next snapshot replaces what was held, and why. @type {Map<string, string>} */
  #due = new Map();
  /** All up to here is known of every stream, also of those of which nothing came yet. */
  #since = -1;

  /** Whether streams may go on of which nothing is held, as everything before is known. */
  get hasAll() {
    return this.#since >= 0;
  }

  /** All up to this place is known. @param {number} seq */
  know(seq) {
    this.#since = seq;
  }

  /** @param {string} symbol */
  held(symbol) {
    return this.#due.has(symbol) ? undefined : this.#held.get(symbol);
  }

  /** Symbols of which something is held. */
  *symbols() {
    for (const symbol of this.#held.keys()) {
      if (!this.#due.has(symbol)) yield symbol;
    }
  }

  /** Streams that wait for a snapshot. */
  get due() {
    return this.#due.keys();
  }

  /**
   * Nothing more can be applied to these streams but a snapshot, whatever its `seq`.
   * @param {Iterable<string>} symbols
   * @param {string} reason
   */
  expect(symbols, reason) {
    this.#since = -1;
    for (const symbol of symbols) {
      if (this.#held.has(symbol)) this.#due.set(symbol, reason);
    }
  }

  /** Of a stream that is not held a snapshot was asked for. @param {string} symbol */
  await(symbol) {
    this.#due.set(symbol, 'missed');
  }

  /** @param {string} symbol */
  forget(symbol) {
    this.#held.delete(symbol);
    this.#due.delete(symbol);
  }

  /**
   * Judges a data message, and holds its place if it is to be applied.
   * @param {any} message
   * @param {boolean} conflated whether snapshots are all that the stream is made of
   * @returns {Judgement}
   */
  judge(message, conflated) {
    const { symbol } = message;
    if (message.type === 'snapshot') return this.#snapshot(message, conflated);
    if (this.#due.has(symbol)) return { verdict: 'due' };
    const held = this.#held.get(symbol);
    if (held === undefined && !(message.prev <= this.#since)) return { verdict: 'unheld' };
    const seq = message.seq ?? message.to;
    if (held !== undefined && seq <= held) return { verdict: 'repeat' };
    const slow = message.seq === undefined && message.cause === 'slow_consumer';
    if (held !== undefined && message.prev !== held && !slow) {
      this.#due.set(symbol, 'missed');
      return { verdict: 'missed' };
    }
    this.#held.set(symbol, seq);
    return { verdict: 'apply' };
  }

  /**
   * @param {any} message
   * @param {boolean} conflated
   * @returns {Judgement}
   */
  #snapshot({ symbol, seq }, conflated) {
    const held = this.#held.get(symbol) ?? null;
    const due = this.#due.get(symbol);
    // Of an older place: another subscription had the stream begin further back. What we hold
    // stays right, as what follows names it in `prev`.
    if (held !== null && due === undefined && seq < held) return { verdict: 'repeat' };
    this.#held.set(symbol, seq);
    this.#due.delete(symbol);
    if (held === null || held === seq) return { verdict: 'apply' };
    if (due !== undefined) return { verdict: 'apply', lost: { reason: due, held } };
    if (conflated) return { verdict: 'apply' };
    return { verdict: 'apply', lost: { reason: 'skipped', held } };
  }
}
