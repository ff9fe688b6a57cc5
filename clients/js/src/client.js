// @ts-check
import { Address } from './address.js';
import { Clock } from './clock.js';
import { Emitter } from './emitter.js';
import { Failure } from './failure.js';
import { Link } from './link.js';
import { optionsOf } from './options.js';
import { Replay } from './replay.js';
import { request, rows } from './rest.js';
import { Subscription } from './subscription.js';

/**
 * A client of one server. It connects by itself, comes back by itself, and says each change:
 *
 * | event | detail |
 * |---|---|
 * | `state` | see {@link import('./link.js').State} |
 * | `heartbeat`, `service`, `closing` | the server's message |
 * | `ping` | `{ rttMs, offsetMs }`: a measurement |
 * | `error` | a {@link Failure} that belongs to no subscription |
 */
export class Client extends Emitter {
  #address;
  #options;
  #clock = new Clock();
  #host;
  #link;
  #counts = { frames: 0, bytes: 0 };
  /** Of subscriptions that are closed. */
  #resyncs = 0;
  /** @type {Set<Replay>} */
  #replays = new Set();
  #isClosed = false;
  #online = () => this.retry();

  /**
   * @param {string | URL} url any of the server's: `/v1/stream`, `ws://h:p`, `https://h`, …
   * @param {import('./options.js').ClientOptions} [options]
   */
  constructor(url, options = {}) {
    super();
    this.#address = new Address(url);
    this.#options = optionsOf(options);
    this.#host = this.#asHost();
    this.#link = new Link(this.#host, {
      onState: (state) => this.emit('state', state),
      probe: () => this.#probe(),
    });
    globalThis.addEventListener?.('online', this.#online);
    // Who made it listens first.
    queueMicrotask(() => { if (!this.#isClosed) this.#link.connect(); });
  }

  /** How it stands. @returns {import('./link.js').State} */
  get state() {
    return { ...this.#link.state, rttMs: this.#clock.rttMs };
  }

  /**
   * What it did: messages and bytes that came, connections that opened, streams that
   * began anew, the last round trip, and the server's clock less ours in ms.
   */
  get stats() {
    let resyncs = this.#resyncs;
    for (const { stats } of this.#host.subscriptions) resyncs += stats.resyncs;
    const { rttMs, offsetMs: clockOffsetMs } = this.#clock;
    return { ...this.#counts, connections: this.#link.opens, resyncs, rttMs, clockOffsetMs };
  }

  /**
   * Subscribes one channel of symbols and patterns.
   * @param {string | Iterable<string>} symbols
   * @param {import('./subscription.js').SubscriptionOptions} [options]
   * @returns {Subscription}
   */
  subscribe(symbols, options) {
    if (this.#isClosed) throw new Failure('closed', 'the client is closed');
    const of = new Subscription(this.#carrier, symbols, options);
    this.#host.subscriptions.add(of);
    this.#carrier.added(of, [...of.names]);
    return of;
  }

  /**
   * Plays what was, over a WebSocket of its own.
   * @param {import('./replay.js').ReplayOptions} options
   * @returns {Replay}
   */
  replay(options) {
    if (this.#isClosed) throw new Failure('closed', 'the client is closed');
    const replay = new Replay(this.#host, options);
    this.#replays.add(replay);
    return replay.on('close', () => this.#replays.delete(replay));
  }

  /**
   * All rows of history, page by page: `rows('/v1/trades', { symbol, from, to })`.
   * @param {string} path
   * @param {Record<string, any>} [params]
   * @param {{ signal?: AbortSignal }} [init]
   * @returns {AsyncGenerator<any>}
   */
  rows(path, params, init) {
    return rows(this.#host, path, { params, ...init });
  }

  /**
   * Asks by plain HTTP: `get('/v1/symbols', { pattern: 'sim:*' })`.
   * @param {string} path
   * @param {Record<string, any>} [params]
   * @param {{ signal?: AbortSignal }} [init]
   * @returns {Promise<any>} the object of a JSON answer, the text of another
   */
  async get(path, params, init) {
    const response = await request(this.#host, this.#address.http(path, params), init);
    const isJson = response.headers.get('Content-Type')?.startsWith('application/json');
    return isJson ? response.json() : response.text();
  }

  /** Attempts now, instead of waiting; also once it was closed for lack of access. */
  retry() {
    if (!this.#isClosed) this.#link.retry();
  }

  /** Ends it and all that it carries. */
  close() {
    if (this.#isClosed) return;
    this.#isClosed = true;
    globalThis.removeEventListener?.('online', this.#online);
    for (const of of [...this.#host.subscriptions, ...this.#replays]) of.close();
    this.#link.close({ code: 'closed', reason: 'by this client' });
  }

  /** Carries out what subscriptions want: now, or when there is a connection. */
  #carrier = {
    added: (/** @type {Subscription} */ of, /** @type {string[]} */ names) => {
      this.#link.session?.added(of, names);
      this.#link.wake();
    },
    removed: (/** @type {Subscription} */ of, /** @type {string[]} */ names) => {
      if (of.closed && this.#host.subscriptions.delete(of)) this.#resyncs += of.stats.resyncs;
      this.#link.session?.removed(of, names);
    },
    restarted: (/** @type {Subscription} */ of) => {
      // The server sends a stream as the latest wants it.
      this.#host.subscriptions.delete(of);
      this.#host.subscriptions.add(of);
      this.#link.session?.restarted(of);
    },
    resync: (/** @type {Subscription} */ of, /** @type {string[]} */ symbols) =>
      this.#link.session?.resync(of, symbols),
  };

  #asHost() {
    const { token, getToken } = this.#options;
    return {
      address: this.#address,
      options: this.#options,
      clock: this.#clock,
      /** @type {Set<Subscription>} */
      subscriptions: new Set(),
      canRenew: getToken !== null,
      token: async () => (getToken ? getToken() : token),
      opened: () => {},
      ended: () => {},
      told: (/** @type {any} */ message) => this.emit(message.type, message),
      failed: (/** @type {Failure} */ failure) => this.emit('error', failure),
      measured: (/** @type {number} */ sentAt, /** @type {string | null} */ server) => {
        this.#clock.measure(sentAt, server);
        const { rttMs, offsetMs } = this.#clock;
        this.emit('ping', { rttMs, offsetMs });
      },
      count: (/** @type {number} */ bytes) => {
        this.#counts.frames += 1;
        this.#counts.bytes += bytes;
      },
    };
  }

  /** Whether plain HTTP gets through. @returns {Promise<import('./link.js').Probe>} */
  async #probe() {
    const signal = AbortSignal.timeout(this.#options.timeoutMs);
    try {
      await request(this.#host, this.#address.http('/v1/venues'), { signal });
    } catch (error) {
      const { status = null, retry = true, retryInMs = null } = /** @type {any} */ (error);
      // Any answer but "not now" proves the way.
      return { isThere: status !== null && !retry, retryInMs };
    }
    return { isThere: true, retryInMs: null };
  }
}
