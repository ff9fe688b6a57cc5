// @ts-check
import { Failure } from '../failure.js';
import { request } from '../rest.js';

/**
 * @typedef {import('../subscription.js').Subscription} Subscription
 * @typedef {import('../subscription.js').Request} Request
 * @typedef {import('../subscription.js').Cursor} Cursor
 *
 * @typedef {object} LegHost the session of a leg, as the leg sees it
 * @property {import('./session.js').SessionHost} host
 * @property {(leg: Leg) => void} answered the first good answer is there
 * @property {(leg: Leg) => void} advanced its cursor has moved
 * @property {(end: import('./end.js').End) => void} end ends the whole session
 */

/** Errors of one request that leave others as they are. */
const OWN = new Set([400, 403, 404, 409]);

/** One subscribe by plain HTTP: some names of one subscription. */
export class Leg {
  /** Everything up to here was told. @type {Cursor | null} */
  cursor;
  #isStopped = false;
  /** Ends the request that is under way. @type {AbortController | null} */
  #current = null;

  /**
   * @param {LegHost} session
   * @param {Subscription} of
   * @param {Request} asked
   */
  constructor(session, of, asked) {
    this.session = session;
    this.of = of;
    this.asked = asked;
    this.cursor = asked.from ?? null;
  }

  get isStopped() {
    return this.#isStopped;
  }

  /** Runs until it is stopped, or ends the session. */
  async start() {
    try {
      await this.run();
    } catch (error) {
      if (!this.isStopped) this.#failed(error);
    }
  }

  stop() {
    this.#isStopped = true;
    this.#current?.abort();
  }

  /** @protected @returns {Promise<void>} */
  async run() {
    throw new Error('each way runs in its own manner');
  }

  /**
   * The parameters of its URL.
   * @protected
   * @param {Record<string, any>} more
   */
  params(more) {
    const last = this.cursor ? undefined : this.of.last;
    return { ...this.of.fields, symbols: this.asked.names, last, ...more };
  }

  /**
   * Asks, and waits for the head of the answer.
   * @protected
   * @param {string} path
   * @param {{ params: Record<string, any>, timeoutMs: number }} options
   */
  async ask(path, { params, timeoutMs }) {
    const { host } = this.session;
    const current = new AbortController();
    this.#current = current;
    const late = new Failure('timeout', `no answer within ${timeoutMs} ms`, { retry: true });
    const timer = setTimeout(() => current.abort(late), timeoutMs);
    const done = () => clearTimeout(timer);
    try {
      const url = host.address.http(path, params);
      return { response: await request(host, url, { signal: current.signal }), done };
    } catch (error) {
      done();
      throw error;
    }
  }

  /**
   * A message of data, or about it.
   * @protected
   * @param {any} message
   */
  read(message) {
    if (this.isStopped) return;
    const { host } = this.session;
    if (message.channel !== undefined && message.symbol !== undefined) this.of.take(message);
    else if (message.type === 'error') this.#told(message);
    else if (message.type === 'closing') {
      host.told(message);
      const retryInMs = message.reconnect_ms ?? null;
      this.session.end({ code: message.code, reason: 'the server ended it', retryInMs });
    } else if (message.type !== 'subscribed') host.told(message);
  }

  /** @param {any} message */
  #told(message) {
    const failure = new Failure(message.code, message.message, message);
    const { host } = this.session;
    if (message.code !== 'token_expired') return this.of.fail(failure);
    if (!host.canRenew) return host.failed(failure);
    // Streams go on for 10 s more; with another token they go on from here.
    this.session.end({ code: message.code, reason: message.message, retryInMs: 0 });
  }

  /** @param {any} error */
  #failed(error) {
    const { code = 'cut', message: reason, status = null, retryInMs = null } = error;
    if (!OWN.has(status)) return this.session.end({ code, reason, retryInMs });
    this.of.fail(error);
    this.session.answered(this);
  }
}
