// @ts-check
import { packs } from '../names.js';
import { request } from '../rest.js';

/**
 * @typedef {import('./session.js').SessionHost} SessionHost
 * @typedef {import('../subscription.js').Subscription} Subscription
 * @typedef {import('../subscription.js').Request} Request
 * @typedef {import('./leg.js').Leg} Leg
 */

/** Names of one URL, in bytes before they are escaped: heads of requests are bounded. */
const NAMES_BYTES = 3_000;

/** All subscriptions of a client over plain HTTP, each by requests of its own. */
export class HttpSession {
  /** @type {any} */
  welcome = null;
  /** @type {Set<Leg>} */
  #legs = new Set();
  #isOpen = false;
  #isOver = false;
  #isMeasuring = false;
  /** @type {any} */
  #timer = null;

  /**
   * @param {SessionHost} host
   * @param {{ transport: string, Leg: typeof import('./leg.js').Leg }} way
   */
  constructor(host, { transport, Leg: Kind }) {
    this.host = host;
    this.transport = transport;
    this.Kind = Kind;
    // Whoever made it knows it by then.
    queueMicrotask(() => this.#open());
  }

  /** What was subscribed or taken back since it was made. */
  begin() {
    for (const of of this.host.subscriptions) of.carried();
    this.#reconcile();
    if (!this.#isMeasuring) void this.#measure();
  }

  /** Ends it without a word to the host. */
  close() {
    this.#isOver = true;
    clearTimeout(this.#timer);
    for (const leg of this.#legs) leg.stop();
    this.#legs.clear();
  }

  added() {
    this.#reconcile();
  }

  removed() {
    this.#reconcile();
  }

  /** @param {Subscription} of */
  restarted(of) {
    this.#drop((leg) => leg.of === of);
    this.#reconcile();
  }

  /**
   * Streams of a request that has missed something: the whole of it begins anew.
   * @param {Subscription} of
   */
  resync(of) {
    const names = this.#drop((leg) => leg.of === of).flatMap((leg) => leg.asked.names);
    // After the message that is being told.
    queueMicrotask(() => { if (!of.closed) this.#begin(of, { names }); });
  }

  /** The first good answer is there. */
  answered() {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.host.opened(this, null);
  }

  /** @param {Leg} leg */
  advanced({ of, asked }) {
    of.begun(asked.names);
    const cursors = [...this.#legs].filter((leg) => leg.of === of).map((leg) => leg.cursor);
    const known = cursors.filter((cursor) => cursor !== null);
    of.beat(known.reduce((least, cursor) => (cursor.seq < least.seq ? cursor : least)));
  }

  /** @param {import('./end.js').End} end */
  end(end) {
    if (this.#isOver) return;
    this.close();
    this.host.ended(this, end);
  }

  #open() {
    if (this.#isOver) return;
    this.#reconcile();
    if (this.#legs.size === 0) void this.#measure();
  }

  /** Starts what is not carried yet, ends what is not wanted any more. */
  #reconcile() {
    const isWanted = (/** @type {Leg} */ { of, asked }) =>
      !of.closed && asked.names.every((it) => of.names.has(it));
    this.#drop((leg) => !isWanted(leg));
    for (const of of this.host.subscriptions) {
      const carried = new Set();
      for (const leg of this.#legs) {
        if (leg.of === of) for (const name of leg.asked.names) carried.add(name);
      }
      const missing = [...of.names].filter((name) => !carried.has(name));
      for (const asked of of.requests(missing)) this.#begin(of, asked);
    }
  }

  /**
   * @param {Subscription} of
   * @param {Request} asked
   */
  #begin(of, { names, from }) {
    if (this.#isOver) return;
    for (const pack of packs(names, { bytes: NAMES_BYTES })) {
      const leg = new this.Kind(this, of, { names: pack, from });
      this.#legs.add(leg);
      void leg.start();
    }
  }

  /**
   * Ends some legs.
   * @param {(leg: Leg) => boolean} which
   */
  #drop(which) {
    const dropped = [...this.#legs].filter(which);
    for (const leg of dropped) {
      leg.stop();
      this.#legs.delete(leg);
    }
    return dropped;
  }

  /** Measures the round trip, as no ping comes by this way; without subscriptions it also opens. */
  async #measure() {
    const { address, options } = this.host;
    this.#isMeasuring = true;
    const sentAt = performance.now();
    try {
      const signal = AbortSignal.timeout(options.timeoutMs);
      await request(this.host, address.http('/v1/venues'), { signal });
      if (this.#isOver) return;
      this.host.measured(sentAt, null);
      this.answered();
    } catch (error) {
      const { code = 'timeout', message: reason, retryInMs = null } = /** @type {any} */ (error);
      if (!this.#isOpen) return this.end({ code, reason, retryInMs });
    }
    if (!this.#isOver) this.#timer = setTimeout(() => void this.#measure(), options.pingMs);
  }
}
