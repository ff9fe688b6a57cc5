// @ts-check
import { Failure } from '../failure.js';
import { overlap, packs } from '../names.js';
import { Watch } from '../watch.js';
import { Access } from './access.js';
import { Ops } from './ops.js';
import { Router } from './router.js';
import { Socket } from './socket.js';

/** @typedef {import('./session.js').SessionHost} SessionHost */
/** @typedef {import('../subscription.js').Subscription} Subscription */
/** @typedef {import('../subscription.js').Request} Request */

/** Streams that missed something are asked for together, after this. */
const RESYNC_MS = 20;
/** Bytes of an operation besides its names. */
const ENVELOPE = 512;

/** All subscriptions of a client over one WebSocket. */
export class WsSession {
  transport = 'ws';
  /** @type {any} */
  welcome = null;
  #isBegun = false;
  #id = 0;
  /** @type {Map<number, { of: Subscription, request: Request }>} */
  #asked = new Map();
  /** @type {Map<Subscription, Set<string>>} */
  #missed = new Map();
  /** Symbols that were subscribed by name after a miss. @type {Map<Subscription, Set<string>>} */
  #named = new Map();
  /** @type {Watch | null} */
  #watch = null;
  /** @type {any} */
  #timers = {};
  /** @type {{ id: number, sentAt: number } | null} */
  #ping = null;

  /** @param {SessionHost} host */
  constructor(host) {
    this.host = host;
    this.router = new Router(host.subscriptions);
    this.socket = new Socket(host.address.ws('/v1/stream'), {
      WebSocket: host.options.WebSocket,
      timeoutMs: host.options.timeoutMs,
      onMessage: (message, bytes) => this.#read(message, bytes),
      onEnd: (end) => {
        this.#stop();
        host.ended(this, end);
      },
    });
    this.ops = new Ops((text) => this.socket.send(text), 20);
    this.access = new Access(host, (op) => this.ops.push(op), (end) => this.socket.end(end));
  }

  /** Subscribes everything: where it was, if it was. */
  begin() {
    this.#isBegun = true;
    for (const of of this.host.subscriptions) of.carried();
    for (const of of this.host.subscriptions) this.#carry(of);
    this.#pinging();
  }

  /** Ends it without a word to the host. */
  close() {
    this.#stop();
    this.socket.end(null);
  }

  /**
   * @param {Subscription} of
   * @param {string[]} names
   */
  added(of, names) {
    if (!this.#isBegun) return;
    this.router.clear();
    if (names.length) this.#subscribe(of, { names });
  }

  /**
   * @param {Subscription} of
   * @param {string[]} names
   */
  removed(of, names) {
    if (!this.#isBegun) return;
    this.router.clear();
    const named = [...(this.#named.get(of) ?? [])].filter((symbol) => !of.covers(symbol));
    const symbols = [...new Set([...names, ...named])];
    for (const pack of this.#packs(symbols)) {
      this.ops.push({ op: 'unsubscribe', channel: of.channel, symbols: pack });
    }
    // The server has one subscription of a stream; others of this client may need it still.
    for (const other of this.host.subscriptions) {
      if (other === of || other.channel !== of.channel) continue;
      const back = [...other.names].filter((name) => symbols.some((it) => overlap(it, name)));
      for (const request of other.requests(back)) this.#subscribe(other, request);
    }
  }

  /** @param {Subscription} of */
  restarted(of) {
    if (!this.#isBegun) return;
    this.router.clear();
    this.#carry(of);
  }

  /**
   * @param {Subscription} of
   * @param {string[]} symbols
   */
  resync(of, symbols) {
    const missed = this.#missed.get(of) ?? new Set();
    for (const symbol of symbols) missed.add(symbol);
    this.#missed.set(of, missed);
    this.#timers.resync ??= setTimeout(() => this.#resync(), RESYNC_MS);
  }

  /** @param {Subscription} of */
  #carry(of) {
    for (const request of of.requests()) this.#subscribe(of, request);
  }

  /**
   * @param {Subscription} of
   * @param {Request} request
   */
  #subscribe(of, { names, from }) {
    for (const symbols of this.#packs(names)) {
      const id = (this.#id += 1);
      const last = from ? undefined : of.last;
      this.#asked.set(id, { of, request: { names: symbols, from } });
      of.asked();
      this.ops.push({ op: 'subscribe', id, ...of.fields, last, from, symbols });
    }
  }

  /** @param {string[]} names */
  #packs(names) {
    return packs(names, { bytes: (this.welcome?.limits.message_bytes ?? 65_536) - ENVELOPE });
  }

  #resync() {
    this.#timers.resync = null;
    const missed = [...this.#missed];
    this.#missed.clear();
    for (const [of, symbols] of missed) {
      if (of.closed) continue;
      const named = this.#named.get(of) ?? new Set();
      for (const symbol of symbols) if (!of.names.has(symbol)) named.add(symbol);
      this.#named.set(of, named);
      this.#subscribe(of, { names: [...symbols] });
    }
  }

  /**
   * @param {any} message
   * @param {number} bytes
   */
  #read(message, bytes) {
    this.host.count(bytes);
    this.#watch?.seen();
    if (message.symbol !== undefined && message.channel !== undefined) return this.#data(message);
    switch (message.type) {
      case 'welcome': return void this.#welcomed(message);
      case 'subscribed': return this.#subscribed(message);
      case 'heartbeat': return this.#beat(message);
      case 'pong': return this.#pong(message);
      case 'auth': return this.access.granted(message);
      case 'error': return this.#error(message);
      case 'service':
      case 'closing': return this.host.told(message);
    }
  }

  /** @param {any} message */
  #data(message) {
    const { subscriptions, conflated } = this.router.route(message.channel, message.symbol);
    for (const subscription of subscriptions) subscription.take(message, conflated);
  }

  /** @param {any} welcome */
  async #welcomed(welcome) {
    this.welcome = welcome;
    this.ops.perSecond = Math.max(1, Math.floor(welcome.limits.ops_per_s / 2));
    const { staleMs = Math.max(2_000, 2.5 * welcome.heartbeat_ms) } = this.host.options;
    const silent = { code: 'silent', reason: `nothing came for ${Math.round(staleMs)} ms` };
    this.#watch = new Watch(staleMs, () => this.socket.end(silent));
    if (welcome.auth !== 'none' && !(await this.access.show())) return;
    this.host.opened(this, welcome);
  }

  /** @param {any} answer */
  #subscribed(answer) {
    const asked = this.#asked.get(answer.id);
    if (!asked) return;
    this.#asked.delete(answer.id);
    this.router.clear();
    asked.of.answered();
    asked.of.accepted(asked.request, answer);
    const { epoch, seq } = this.welcome;
    // Of streams that begin now all up to the welcome is known.
    if (!asked.of.last && seq > 0) asked.of.cursor ??= { epoch, seq };
  }

  /** @param {any} message */
  #beat(message) {
    const cursor = { epoch: this.welcome.epoch, seq: message.seq };
    for (const of of this.host.subscriptions) if (of.isSettled) of.beat(cursor);
    this.host.told(message);
  }

  #pinging() {
    this.#id += 1;
    this.#ping = { id: this.#id, sentAt: performance.now() };
    this.ops.push({ op: 'ping', id: this.#id });
    this.#timers.ping = setTimeout(() => this.#pinging(), this.host.options.pingMs);
  }

  /** @param {any} pong */
  #pong({ id, now }) {
    if (!this.#ping || this.#ping.id !== id) return;
    this.host.measured(this.#ping.sentAt, now);
    this.#ping = null;
  }

  /** @param {any} message */
  #error(message) {
    const failure = new Failure(message.code, message.message, message);
    const asked = this.#asked.get(message.id);
    if (!asked) {
      if (this.access.refused(failure)) return;
      return this.host.failed(failure);
    }
    this.#asked.delete(message.id);
    asked.of.answered();
    asked.of.fail(failure);
    if (!failure.retry || asked.of.closed) return;
    const again = () => { if (!asked.of.closed) this.#subscribe(asked.of, asked.request); };
    this.#timers[`retry ${message.id}`] = setTimeout(again, this.host.options.backoff.minMs * 4);
  }

  #stop() {
    this.#watch?.stop();
    this.ops.stop();
    this.access.stop();
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
  }
}
