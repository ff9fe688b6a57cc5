// @ts-check
import { Backoff } from './backoff.js';
import { SESSIONS } from './sessions/session.js';
import { waitAfter } from './sessions/end.js';

/**
 * @typedef {import('./sessions/session.js').Session} Session
 * @typedef {import('./sessions/end.js').End} End
 *
 * @typedef {{ isThere: boolean, retryInMs: number | null }} Probe what plain HTTP answered
 *
 * @typedef {object} State how a client stands
 * @property {'connecting' | 'live' | 'waiting' | 'closed'} state
 * @property {string} transport the way in, `ws`, `sse` or `poll`
 * @property {number} attempt since it was live last, from 1; 0 while it is
 * @property {number | null} retryInMs of `waiting`; `null`: not before something is subscribed
 * @property {string | null} code why the last connection ended
 * @property {string | null} reason the same in words
 * @property {number | null} rttMs last round trip
 * @property {any} welcome what the server said of itself
 */

/** A connection that lasted as long was none of a series of failures, in ms. */
const LASTED_MS = 2_000;
/** The longest wait until a better way is tried again, in ms. */
const BETTER_MAX_MS = 300_000;

/** Keeps one session open: attempts, waits, falls to another way and comes back to a better one. */
export class Link {
  /** @type {Session | null} */
  session = null;
  /** Connections that opened. */
  opens = 0;
  /** A better way that is being tried while the session goes on. @type {Session | null} */
  #candidate = null;
  #way = 0;
  /** Attempts of this way in a row that never opened. */
  #refusals = 0;
  #openedAt = 0;
  #isLive = false;
  #betterMs;
  /** @type {any} */
  #timer = null;
  /** @type {any} */
  #betterTimer = null;
  /** Each change of course makes what was begun before it void. */
  #course = 0;
  /** @type {State} */
  state;

  /**
   * @param {any} host the client, as sessions need it
   * @param {{ onState: (state: State) => void, probe: () => Promise<Probe> }} told
   */
  constructor(host, { onState, probe }) {
    this.host = host;
    this.onState = onState;
    this.probe = probe;
    this.transports = host.options.transports;
    this.backoff = new Backoff(host.options.backoff);
    this.#betterMs = host.options.betterMs;
    const none = { attempt: 0, retryInMs: null, code: null, reason: null };
    const transport = this.transports[0];
    this.state = { state: 'connecting', transport, ...none, rttMs: null, welcome: null };
  }

  /** Attempts now, whatever it was waiting for. */
  connect() {
    clearTimeout(this.#timer);
    this.#course += 1;
    this.#drop();
    const transport = this.transports[this.#way];
    const attempt = this.backoff.attempt + 1;
    this.#to({ state: 'connecting', transport, attempt, retryInMs: null });
    this.session = new SESSIONS[transport](this.#sessionHost());
  }

  /** Attempts now if it waits or was closed. */
  retry() {
    if (this.state.state === 'waiting' || this.state.state === 'closed') this.connect();
  }

  /** @param {End} end */
  close({ code, reason }) {
    clearTimeout(this.#timer);
    this.#course += 1;
    this.#drop();
    this.#to({ state: 'closed', attempt: 0, retryInMs: null, code, reason });
  }

  /** Something was subscribed: a wait without end is over. */
  wake() {
    if (this.state.state === 'waiting' && this.state.retryInMs === null) this.connect();
  }

  #sessionHost() {
    const opened = (/** @type {Session} */ of, /** @type {any} */ it) => this.#opened(of, it);
    const ended = (/** @type {Session} */ of, /** @type {End} */ end) => this.#ended(of, end);
    return Object.assign(Object.create(this.host), { opened, ended });
  }

  /**
   * @param {Session} session
   * @param {any} welcome
   */
  #opened(session, welcome) {
    const { transport } = session;
    if (session === this.#candidate) {
      this.#candidate = null;
      this.session?.close();
      this.session = session;
    }
    if (session !== this.session) return session.close();
    this.#way = this.transports.indexOf(/** @type {any} */ (transport));
    this.opens += 1;
    this.#refusals = 0;
    this.#openedAt = Date.now();
    this.#isLive = true;
    clearTimeout(this.#betterTimer);
    if (this.#way > 0) this.#later();
    else this.#betterMs = this.host.options.betterMs;
    this.#to({ state: 'live', transport, attempt: 0, retryInMs: null, welcome });
    session.begin();
  }

  /**
   * @param {Session} session
   * @param {End} end
   */
  #ended(session, end) {
    if (session === this.#candidate) {
      this.#candidate = null;
      return this.#later();
    }
    if (session !== this.session) return;
    const wasLive = this.#isLive;
    this.#drop();
    if (wasLive && Date.now() - this.#openedAt >= LASTED_MS) this.backoff.reset();
    if (this.#isFinal(end)) return this.close(end);
    if (end.code === 'idle' && this.host.subscriptions.size === 0) {
      return this.#to({ state: 'waiting', retryInMs: null, code: end.code, reason: end.reason });
    }
    // Who is turned away got through.
    this.#refusals += wasLive || isOfAccess(end) ? 0 : 1;
    if (this.#refusals >= this.host.options.fallAfter && this.transports.length > 1) {
      return void this.#fall(end);
    }
    this.#wait(end);
  }

  /** @param {End} end */
  #wait(end) {
    const retryInMs = waitAfter(end, this.backoff.next());
    const { code, reason } = end;
    this.#to({ state: 'waiting', attempt: this.backoff.attempt, retryInMs, code, reason });
    this.#timer = setTimeout(() => this.connect(), retryInMs);
  }

  /**
   * Goes over to the next way, if it is this way and not the server that is gone.
   * @param {End} end
   */
  async #fall(end) {
    const course = (this.#course += 1);
    const { isThere, retryInMs } = await this.probe();
    if (course !== this.#course) return;
    if (!isThere) return this.#wait({ ...end, retryInMs: retryInMs ?? end.retryInMs });
    this.#refusals = 0;
    this.#way = (this.#way + 1) % this.transports.length;
    this.#wait(end);
  }

  #later() {
    clearTimeout(this.#betterTimer);
    this.#betterTimer = setTimeout(() => this.#better(), this.#betterMs);
    this.#betterMs = Math.min(this.#betterMs * 2, BETTER_MAX_MS);
  }

  /** Tries the best way while the present one goes on. */
  #better() {
    if (!this.#isLive || this.#way === 0) return;
    this.#candidate = new SESSIONS[this.transports[0]](this.#sessionHost());
  }

  /** Without access nothing but another token helps. @param {End} end */
  #isFinal(end) {
    return isOfAccess(end) && !this.host.canRenew;
  }

  #drop() {
    clearTimeout(this.#betterTimer);
    this.#isLive = false;
    for (const session of [this.session, this.#candidate]) session?.close();
    this.session = null;
    this.#candidate = null;
  }

  /** @param {Partial<State>} change */
  #to(change) {
    this.state = { ...this.state, ...change, rttMs: this.host.clock.rttMs };
    this.onState(this.state);
  }
}

/** @param {End} end */
function isOfAccess({ code }) {
  return ['unauthorized', 'token_expired', 'forbidden'].includes(code);
}
