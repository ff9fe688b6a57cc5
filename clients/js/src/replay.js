// @ts-check
import { Backoff } from './backoff.js';
import { Failure } from './failure.js';
import { Ledger } from './ledger.js';
import { listOf } from './names.js';
import { Outlet } from './outlet.js';
import { waitAfter } from './sessions/end.js';
import { Reel } from './sessions/reel.js';

/**
 * @typedef {import('./subscription.js').Cursor} Cursor
 * @typedef {string | Date | Cursor} Place a time, or a cursor
 *
 * @typedef {object} ReplayOptions
 * @property {string | Iterable<string>} symbols
 * @property {string} [channel] `ticker` if absent
 * @property {string[]} [channels] instead of `channel`: several
 * @property {Place} from where it begins
 * @property {Place} [to] where it ends; now, if absent
 * @property {number} [speed] 1: as it happened; 0: as fast as it is read
 * @property {boolean} [paused] waits for `play` after the snapshots
 * @property {'live' | 'end'} [then] `live`: goes on with what is live
 * @property {number} [maxIdleMs] longer silence is shortened to it
 * @property {string} [epoch] another tape than the live one
 * @property {number} [conflateMs]
 * @property {number} [queue] messages that may wait for one `for await`; 131,072 if absent
 *
 * @typedef {object} ReplayState
 * @property {'connecting' | 'playing' | 'paused' | 'ended' | 'live' | 'waiting' | 'closed'} state
 * @property {string | null} at the time on the tape
 * @property {number} seq the place on the tape
 * @property {number} speed
 * @property {number} done the part of the range that is behind, 0 to 1
 * @property {number | null} retryInMs of `waiting`
 * @property {string | null} code why the last connection ended
 * @property {string | null} reason the same in words
 */

/** A loop that has so many before it has the replay wait, until it has so few. */
const HIGH = 4_096;
const LOW = 1_024;

/**
 * What was, at any pace. Loops are not outrun: the replay waits for them.
 *
 * | event | detail |
 * |---|---|
 * | `state` | {@link ReplayState}, at each change of it |
 * | `position` | the same, at least once a second while it plays |
 * | `opened` | the server's answer: the range, symbols, and what was rejected |
 * | `snapshot`, `delta`, `trade`, `bar`, `status`, `gap`, `message` | data, as of a subscription |
 * | `error` | a {@link Failure} |
 */
export class Replay extends Outlet {
  #client;
  #options;
  #backoff;
  /** @type {Reel | null} */
  #reel = null;
  /** @type {Map<string, Ledger>} */
  #ledgers = new Map();
  /** @type {any} */
  #opened = null;
  /** Everything up to here was told. @type {Cursor | null} */
  #cursor = null;
  /** Whether it comes back to where it was: then snapshots of before are repeats. */
  #isReturning = false;
  /** Whether it stands still for a loop that is behind. */
  #isHeld = false;
  #isPaused;
  #wasLive = false;
  #speed;
  /** @type {any} */
  #timer = null;
  /** @type {ReplayState} */
  state;

  /**
   * @param {import('./sessions/session.js').SessionHost} client
   * @param {ReplayOptions} options
   */
  constructor(client, options) {
    super({ queue: options.queue ?? 131_072, overflow: 'throw' });
    if (!client.options.WebSocket) throw new TypeError('a replay needs a WebSocket');
    this.#client = client;
    this.#options = { ...options, symbols: listOf(options.symbols) };
    this.#backoff = new Backoff(client.options.backoff);
    this.channels = options.channels ?? [options.channel ?? 'ticker'];
    for (const channel of this.channels) this.#ledgers.set(channel, new Ledger());
    this.#isPaused = options.paused ?? false;
    this.#speed = options.speed ?? 1;
    const nothing = { at: null, seq: 0, done: 0, retryInMs: null, code: null, reason: null };
    this.state = { state: 'connecting', speed: this.#speed, ...nothing };
    queueMicrotask(() => { if (!this.closed) this.#connect(); });
  }

  // A connection that is not there yet is opened as these three say.

  /** Goes on. */
  async play() {
    this.#isPaused = false;
    if (this.#reel?.isReady && !this.#isHeld) await this.#ask({ op: 'play' });
  }

  /** Stands still. */
  async pause() {
    this.#isPaused = true;
    if (this.#reel?.isReady) await this.#ask({ op: 'pause' });
  }

  /** @param {number} speed times as fast as it happened; 0: as fast as it is read */
  async speed(speed) {
    this.#speed = speed;
    if (this.#reel?.isReady) await this.#ask({ op: 'speed', speed });
  }

  /**
   * Goes to another place: snapshots of each stream as it stood there follow.
   * @param {Place} to
   */
  async seek(to) {
    this.#isReturning = false;
    await this.#ask({ op: 'seek', to: placeOf(to) });
  }

  /** Goes on by `n` messages, then stands still. @param {number} [n] */
  async step(n = 1) {
    this.#isPaused = true;
    await this.#ask({ op: 'step', n });
  }

  /** Goes to what is live, if it was opened with `then: 'live'`. */
  async live() {
    if (this.#options.then !== 'live') {
      throw new Failure('bad_request', "open it with then: 'live' to go there");
    }
    await this.seek(new Date(Date.now() + (this.#client.clock.offsetMs ?? 0)));
    await this.play();
  }

  /** Ends it. */
  close() {
    if (this.closed) return;
    this.#finish({ code: 'closed', reason: 'by this client' }, null);
  }

  /** @protected */
  taken() {
    if (!this.#isHeld || this.waiting > LOW) return;
    this.#isHeld = false;
    if (!this.#isPaused) this.#quietly({ op: 'play' });
  }

  #connect() {
    this.#to({ state: 'connecting', retryInMs: null });
    this.#reel = new Reel(this.#client, {
      ready: () => void this.#open(),
      told: (message) => this.#told(message),
      ended: (end) => this.#ended(end),
    });
  }

  async #open() {
    const [channel, ...others] = this.channels;
    const { symbols, conflateMs: conflate_ms } = this.#options;
    this.#isReturning = this.#cursor !== null;
    const stands = this.#isPaused || this.#isHeld;
    const subscribe = { symbols, conflate_ms };
    try {
      const op = { op: 'open', channel, ...subscribe, ...this.#range() };
      const opened = await this.#ask({ ...op, paused: stands || others.length > 0 });
      this.#opened ??= opened;
      if (!this.#isReturning) this.emit('opened', opened);
      for (const channel of others) await this.#ask({ op: 'subscribe', channel, ...subscribe });
      if (others.length > 0 && !stands) await this.#ask({ op: 'play' });
    } catch (error) {
      this.#refused(/** @type {Failure} */ (error));
    }
  }

  /** The range that is still to be played. */
  #range() {
    const { from, to, then, epoch, maxIdleMs: max_idle_ms } = this.#options;
    const range = { from: placeOf(from), to: to && placeOf(to), epoch };
    if (this.#cursor) {
      range.from = this.#cursor;
      range.to = then === 'live' ? undefined : this.#opened.to;
    }
    return { ...range, speed: this.#wasLive ? 0 : this.#speed, then, max_idle_ms };
  }

  /** @param {Failure} failure */
  #refused(failure) {
    // Of a connection that ended: the next one opens it again.
    if (this.closed || !this.#reel || failure.code === 'closed') return;
    this.tell(failure);
    const end = { code: failure.code, reason: failure.message };
    if (failure.code === 'unavailable') this.#reel.socket.end(end);
    else this.#finish(end, failure);
  }

  /** @param {any} message */
  #told(message) {
    if (message.channel && message.symbol) return this.#data(message);
    if (message.type === 'position') return this.#position(message);
    if (message.type === 'heartbeat' && this.state.state === 'live') {
      this.#cursor = { epoch: this.#opened.to.epoch, seq: message.seq };
    }
    this.tell(message);
  }

  /** @param {any} message */
  #data(message) {
    const ledger = this.#ledgers.get(message.channel);
    const held = ledger?.held(message.symbol);
    const isSnapshot = message.type === 'snapshot';
    if (!ledger || (isSnapshot && this.#isReturning && message.seq <= (held ?? -1))) return;
    // A snapshot of a replay is what was asked for, wherever it stands.
    if (isSnapshot) ledger.forget(message.symbol);
    const { verdict } = ledger.judge(message, true);
    if (verdict === 'missed') {
      return this.#reel?.socket.end({ code: 'missed', reason: `missed before ${message.seq}` });
    }
    if (verdict !== 'apply') return;
    this.tell(message);
    this.#hold();
  }

  /** Has the replay wait for a loop that is behind. */
  #hold() {
    if (this.#isHeld || this.#isPaused || this.waiting < HIGH) return;
    this.#isHeld = true;
    this.#quietly({ op: 'pause' });
  }

  /** @param {any} position */
  #position({ seq, at, speed, state, done }) {
    this.#backoff.reset();
    this.#wasLive = state === 'live';
    if (this.#opened) this.#cursor = { epoch: this.#opened.to.epoch, seq };
    const shown = state === 'paused' && this.#isHeld && !this.#isPaused ? 'playing' : state;
    this.#to({ seq, at, speed, state: shown, done, retryInMs: null });
    this.emit('position', this.state);
    if (state === 'ended' && this.#options.then !== 'live') this.endLoops(null);
  }

  /** @param {import('./sessions/end.js').End} end */
  #ended(end) {
    this.#reel = null;
    if (this.closed) return;
    const access = ['unauthorized', 'token_expired', 'forbidden'].includes(end.code);
    if (access && !this.#client.canRenew) {
      return this.#finish(end, new Failure(end.code, end.reason));
    }
    // Who comes back to where it stood still has nothing to ask for.
    if (end.code === 'idle' || this.state.state === 'ended') return this.#finish(end, null);
    const retryInMs = waitAfter(end, this.#backoff.next());
    const { code, reason } = end;
    this.#timer = setTimeout(() => this.#connect(), retryInMs);
    this.#to({ state: 'waiting', retryInMs, code, reason });
  }

  /**
   * @param {{ code: string, reason: string }} why
   * @param {Failure | null} error
   */
  #finish({ code, reason }, error) {
    this.closed = true;
    clearTimeout(this.#timer);
    this.#reel?.close();
    this.#reel = null;
    this.endLoops(error);
    this.#to({ state: 'closed', retryInMs: null, code, reason });
    this.emit('close', { error });
  }

  /** @param {Record<string, any>} op */
  async #ask(op) {
    if (this.#reel?.isReady) return this.#reel.ask(op);
    throw new Failure('unavailable', `not connected: ${this.state.state}`, { retry: true });
  }

  /** Asks for what the next connection does by itself, should this one end. @param {object} op */
  #quietly(op) {
    this.#ask(op).catch((/** @type {Failure} */ failure) => {
      if (failure.retry === false && failure.code === 'bad_request') this.tell(failure);
    });
  }

  /** @param {Partial<ReplayState>} change */
  #to(change) {
    const { state } = this.state;
    this.state = { ...this.state, ...change };
    if (this.state.state !== state) this.emit('state', this.state);
  }
}

/** @param {Place} place */
const placeOf = (place) => (place instanceof Date ? place.toISOString() : place);
