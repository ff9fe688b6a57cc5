// @ts-check
import { Failure } from './failure.js';
import { Ledger } from './ledger.js';
import { covers, isPattern, listOf } from './names.js';
import { Outlet } from './outlet.js';

/**
 * @typedef {{ epoch: string, seq: number }} Cursor a place on a tape
 * @typedef {object} SubscriptionOptions
 * @property {string} [channel] `ticker` (default), `trades`, `bars.1m`, …
 * @property {number} [conflateMs] flush interval in ms, 0..60000; 0 (default): every change
 * @property {'conflate' | 'spill' | 'close' | 'gap'} [slow] what the server does when we are slow
 * @property {number} [last] of `trades` and `bars.*`: begin so many messages ago, 1..1000
 * @property {Cursor | null} [from] go on after this place; all up to there is known
 * @property {number} [queue] messages that may wait for one `for await`; 10,000 if absent
 * @property {'resync' | 'throw'} [overflow] what happens beyond that, see `Outlet`
 *
 * @typedef {{ names: string[], from?: Cursor }} Request what one subscribe asks for
 *
 * @typedef {object} Host who carries out what a subscription wants
 * @property {(of: Subscription, names: string[]) => void} added
 * @property {(of: Subscription, names: string[]) => void} removed
 * @property {(of: Subscription) => void} restarted
 * @property {(of: Subscription, symbols: string[]) => void} resync
 */

/**
 * One channel of some symbols. Its messages come in order and none is missed in silence; they are
 * told to listeners and to each `for await`.
 */
export class Subscription extends Outlet {
  #host;
  #ledger = new Ledger();
  /** Streams of each pattern, as the server counted them. @type {Map<string, number>} */
  #counts = new Map();
  /** Names whose streams have all begun. @type {Set<string>} */
  #begun = new Set();
  /** Requests that the session has not answered yet. */
  #asked = 0;
  /** Everything up to here was told. @type {Cursor | null} */
  cursor = null;

  /**
   * @param {Host} host
   * @param {string | Iterable<string>} names
   * @param {SubscriptionOptions} [options]
   */
  constructor(host, names, options = {}) {
    super(options);
    this.#host = host;
    this.channel = options.channel ?? 'ticker';
    this.conflateMs = options.conflateMs ?? 0;
    this.slow = options.slow;
    this.last = options.last;
    /** Symbols and patterns that are subscribed. */
    this.names = new Set(listOf(names));
    this.stats = { applied: 0, repeats: 0, resyncs: 0 };
    if (options.from) {
      this.cursor = options.from;
      this.#ledger.know(options.from.seq);
    }
  }

  /** Adds symbols or patterns. @param {string | Iterable<string>} names */
  add(names) {
    const added = listOf(names).filter((name) => !this.names.has(name));
    for (const name of added) this.names.add(name);
    if (added.length && !this.closed) this.#host.added(this, added);
  }

  /** Takes some out, as they were named. @param {string | Iterable<string>} names */
  remove(names) {
    const removed = listOf(names).filter((name) => this.names.delete(name));
    for (const name of removed) this.#begun.delete(name);
    if (removed.length && !this.closed) this.#host.removed(this, removed);
    for (const symbol of [...this.#ledger.symbols()]) {
      if (!this.covers(symbol)) this.#ledger.forget(symbol);
    }
  }

  /**
   * Changes how it is sent; nothing is lost in between.
   * @param {{ conflateMs?: number, slow?: SubscriptionOptions['slow'] }} options
   */
  set({ conflateMs = this.conflateMs, slow = this.slow }) {
    if (conflateMs === this.conflateMs && slow === this.slow) return;
    this.conflateMs = conflateMs;
    this.slow = slow;
    if (!this.closed) this.#host.restarted(this);
  }

  /** Ends it. Loops over it end once they have read what came before. */
  close() {
    this.end(null);
  }

  /**
   * The `seq` that is held of a stream, if one is.
   * @param {string} symbol
   * @returns {number | undefined}
   */
  held(symbol) {
    return this.#ledger.held(symbol);
  }

  // What follows is for the sessions that carry it.

  /** The fields of a subscribe besides names and place. */
  get fields() {
    const conflate_ms = this.conflateMs || undefined;
    return { channel: this.channel, conflate_ms, slow: this.slow };
  }

  /** @param {string} symbol */
  covers(symbol) {
    if (this.names.has(symbol)) return true;
    for (const name of this.names) {
      if (isPattern(name) && covers(name, symbol)) return true;
    }
    return false;
  }

  /**
   * What is to be asked of a new session, so that held streams go on and others begin.
   * @param {string[]} [names] all of them, or some
   * @returns {Request[]}
   */
  requests(names = [...this.names]) {
    const from = this.cursor;
    if (!from) return names.length ? [{ names }] : [];
    /** @type {Request} */
    const going = { names: [], from };
    /** @type {Request} */
    const beginning = { names: [] };
    for (const name of names) (this.#isHeld(name) ? going : beginning).names.push(name);
    return [going, beginning].filter((request) => request.names.length);
  }

  /** Whether everything that was asked was answered, so that a cursor speaks of all of it. */
  get isSettled() {
    return this.#asked === 0;
  }

  /** A session that was asked nothing yet carries it. */
  carried() {
    this.#asked = 0;
  }

  asked() {
    this.#asked += 1;
  }

  /** A session that counts what it asked has an answer. */
  answered() {
    this.#asked -= 1;
  }

  /**
   * The server's answer to a request.
   * @param {Request} request
   * @param {any} answer a `subscribed`
   */
  accepted(request, answer) {
    const resumed = answer.resumed || (this.last && !request.from);
    if (!resumed) {
      const covered = (/** @type {string} */ symbol) =>
        request.names.some((name) => covers(name, symbol));
      const symbols = [...this.#ledger.symbols()].filter(covered);
      this.#ledger.expect(symbols, answer.reason ?? 'restarted');
      for (const name of request.names) this.#begun.delete(name);
    }
    for (const { pattern, count } of answer.patterns ?? []) this.#counts.set(pattern, count);
    this.emit('subscribed', answer);
    for (const { symbol, code } of answer.rejected ?? []) {
      this.fail(new Failure(code, `${symbol}: ${code}`, { symbol }));
    }
  }

  /**
   * Everything up to here was sent.
   * @param {Cursor} cursor
   */
  beat(cursor) {
    this.cursor = cursor;
    if (this.#ledger.hasAll) this.#ledger.know(cursor.seq);
  }

  /** Of these names all first snapshots were sent. @param {string[]} names */
  begun(names) {
    for (const name of names) this.#begun.add(name);
  }

  /**
   * A data message of one of its streams.
   * @param {any} message
   * @param {boolean} [conflated]
   */
  take(message, conflated = this.conflateMs > 0) {
    if (this.closed) return;
    const { symbol, channel } = message;
    const { verdict, lost } = this.#ledger.judge(message, conflated);
    if (verdict === 'repeat') this.stats.repeats += 1;
    // Before its answer it may hear what others of this client subscribed.
    const unheld = verdict === 'unheld' && this.isSettled;
    if (unheld) this.#ledger.await(symbol);
    if (verdict === 'missed' || unheld) this.#host.resync(this, [symbol]);
    if (verdict !== 'apply') return;
    if (lost) {
      this.stats.resyncs += 1;
      const { reason, held: from } = lost;
      const resync = { type: 'resync', channel, symbol, reason, missed: null, from };
      this.tell({ ...resync, to: message.seq });
    }
    this.stats.applied += 1;
    this.tell(message);
  }

  /** @param {Failure} failure */
  fail(failure) {
    this.tell(failure);
  }

  /** No more comes. @param {Error | null} error why, if not because it was closed */
  end(error) {
    if (this.closed) return;
    this.closed = true;
    this.#host.removed(this, [...this.names]);
    this.endLoops(error);
    this.emit('close', { error });
  }

  /** @protected */
  overflowed() {
    const symbols = [...this.#ledger.symbols()];
    this.#ledger.expect(symbols, 'overflow');
    if (!this.closed) this.#host.resync(this, symbols);
  }

  /** @param {string} name */
  #isHeld(name) {
    for (const symbol of this.#ledger.due) if (covers(name, symbol)) return false;
    if (this.#ledger.hasAll || this.#begun.has(name)) return true;
    if (!isPattern(name)) return this.#ledger.held(name) !== undefined;
    const count = this.#counts.get(name);
    if (count === undefined) return false;
    let held = 0;
    for (const symbol of this.#ledger.symbols()) held += covers(name, symbol) ? 1 : 0;
    return held >= count;
  }
}
