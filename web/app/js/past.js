// @ts-check
// The past: a session replayed, from the client to the desk. It has the verbs of `live.js`, and
// those of a player.

import { INTERVALS } from './bars.js';
import { readBefore } from './before.js';
import { msOf, textOf } from './instant.js';
import { Steps } from './steps.js';

/** @typedef {{ epoch: string, feed: string, venue: string, day: string, recv_first: string,
 *   recv_last: string, first: number, last: number, events: number, gaps: number }} Session */

/** A session that is played. */
export class Past {
  /** @type {any} */ #replay = null;
  #steps = new Steps();
  /** A seek on its way, and where to go after it. */
  #isSeeking = false;
  /** @type {any} */ #next = null;
  /** Whether what comes is of the new place. */
  #isThere = true;
  #loads = 0;
  #at = NaN;
  /** Where a seek leads, in ms. */
  #target = NaN;
  #seq = 0;
  /** The part that is played again and again, in ms. @type {{ a: number, b: number }} */
  loop = { a: NaN, b: NaN };
  speed = 1;

  /**
   * @param {any} client @param {import('./desk.js').Desk} desk
   * @param {{ message: (message: any) => void, refused: (error: any) => void,
   *   changed: () => void, held: (isHeld: boolean) => void, found: (symbol: string) => void }} told
   */
  constructor(client, desk, told) {
    this.client = client;
    this.desk = desk;
    this.told = told;
  }

  /** @type {Session | null} */
  session = null;
  /** `connecting`, `playing`, `paused`, `ended`, `waiting` or `closed`. */
  state = 'closed';
  /** @type {string[]} */
  #symbols = [];

  /** The instant that is shown, in ms. */
  get at() {
    return this.#at;
  }

  get from() {
    return msOf(this.session?.recv_first);
  }

  get to() {
    return msOf(this.session?.recv_last);
  }

  /** The place that is shown. */
  get seq() {
    return this.#seq;
  }

  /**
   * Begins a session: standing still at an instant, or playing from its beginning if there is none.
   * @param {Session} session @param {string[]} symbols @param {{ at: number, speed: number }} start
   */
  open(session, symbols, { at, speed }) {
    this.close();
    this.session = session;
    this.speed = speed;
    this.#symbols = symbols;
    const isTold = Number.isFinite(at);
    this.#at = this.#within(isTold ? at : this.from);
    this.#begin(!isTold);
  }

  /** Follows these symbols too. @param {string[]} symbols */
  watch(symbols) {
    const isNew = symbols.some((symbol) => !this.#covers(symbol));
    if (!isNew || this.session === null) return;
    this.#symbols = symbols;
    this.#begin();
  }

  /** Bars and trades of the symbol at which the desk looks. */
  look() {
    const channel = `bars.${INTERVALS[this.desk.interval].of}`;
    if (this.#replay && !this.#replay.channels.includes(channel)) this.#begin();
    else this.#load();
  }

  /** Plays, or stands still. */
  async toggle() {
    const isPlaying = this.state === 'playing';
    await this.#do(() => (isPlaying ? this.#replay.pause() : this.#replay.play()));
  }

  /** @param {number} speed 0: as fast as can be */
  async setSpeed(speed) {
    this.speed = speed;
    await this.#do(() => this.#replay.speed(speed));
    this.told.changed();
  }

  /** Goes to an instant. @param {number} ms */
  seek(ms) {
    this.#steps.clear();
    this.#seek({ at: this.#within(ms) });
  }

  /** On by a tick, or back. @param {number} ticks 1 or -1 */
  async step(ticks) {
    if (ticks > 0) {
      await this.#do(() => this.#replay.step(ticks));
      return;
    }
    const back = this.#steps.back();
    if (back === undefined) return this.seek(this.#at - 1000);
    await this.#do(() => this.#replay.pause());
    this.#seek({ seq: back });
  }

  /** Sets the beginning of a loop, then its end, then forgets both. */
  turnLoop() {
    const { a, b } = this.loop;
    if (Number.isNaN(a)) this.loop = { a: this.#at, b: NaN };
    else if (Number.isNaN(b) && this.#at > a) this.loop = { a, b: this.#at };
    else this.loop = { a: NaN, b: NaN };
    this.told.changed();
  }

  /** Ends it. */
  close() {
    this.#loads += 1;
    this.#replay?.close();
    this.#replay = null;
    this.session = null;
    this.#steps.clear();
    this.#isSeeking = false;
    this.#next = null;
    this.loop = { a: NaN, b: NaN };
    this.told.held(false);
  }

  /** @param {string} symbol */
  #covers(symbol) {
    const venue = `${symbol.split(':')[0]}:*`;
    return this.#symbols.includes(symbol) || this.#symbols.includes(venue);
  }

  /** A replay of its own from where it is, as channels and symbols of one are fixed. */
  #begin(isPlaying = this.state === 'playing') {
    const session = /** @type {Session} */ (this.session);
    this.#replay?.close();
    const channels = ['ticker', 'trades', `bars.${INTERVALS[this.desk.interval].of}`];
    const replay = this.client.replay({
      symbols: this.#symbols,
      channels,
      epoch: session.epoch,
      speed: this.speed,
      from: session.recv_first,
      to: session.recv_last,
      paused: true,
    });
    this.#replay = replay;
    const target = this.#within(this.#at);
    this.#target = target;
    this.#isThere = false;
    // Where it begins is not yet where it is to be.
    this.#isSeeking = true;
    this.told.held(true);
    replay.on('message', (/** @type {any} */ message) => this.#take(message));
    replay.on('position', (/** @type {any} */ position) => this.#position(position));
    replay.on('state', (/** @type {any} */ { state }) => {
      if (replay !== this.#replay) return;
      this.state = state;
      if (state === 'waiting') this.#isSeeking = false;
      this.told.changed();
    });
    replay.on('error', this.told.refused);
    let isBegun = false;
    replay.on('state', (/** @type {any} */ { state }) => {
      if (isBegun || state !== 'paused' || replay !== this.#replay) return;
      isBegun = true;
      // The other channels are subscribed right after the first.
      setTimeout(() => this.#start(target, isPlaying), 0);
    });
  }

  /** @param {number} at @param {boolean} isPlaying */
  async #start(at, isPlaying) {
    this.#isSeeking = false;
    this.#seek({ at });
    if (isPlaying) await this.#do(() => this.#replay.play());
  }

  /** The server's range is finer than a millisecond: its ends are left out. @param {number} ms */
  #within(ms) {
    return Math.max(this.from + 1, Math.min(this.to - 1, ms));
  }

  /**
   * One seek at a time; of those that come meanwhile the last counts.
   * @param {{ at?: number, seq?: number }} to
   */
  async #seek(to) {
    if (this.#isSeeking) {
      this.#next = to;
      return;
    }
    this.#isSeeking = true;
    this.#isThere = false;
    // What is still being read belongs to the place before.
    this.#loads += 1;
    this.told.held(true);
    const epoch = /** @type {Session} */ (this.session).epoch;
    const place =
      to.seq === undefined ? textOf(/** @type {number} */ (to.at)) : { epoch, seq: to.seq };
    const replay = this.#replay;
    this.#target = to.at ?? this.#at;
    await this.#do(() => replay.seek(place));
    if (replay !== this.#replay) return;
    this.#isSeeking = false;
    this.#isThere = true;
    const next = this.#next;
    this.#next = null;
    if (next !== null) return void this.#seek(next);
    await this.#load();
    this.told.held(false);
    this.told.changed();
  }

  /** @param {any} message */
  #take(message) {
    if (!this.#isThere) {
      // What was on its way before the seek is of another time.
      if (message.type !== 'snapshot') return;
      this.#isThere = true;
      this.#at = this.#target;
      this.desk.reset();
    }
    const { channel, seq, recv } = message;
    if (!this.desk.lists.symbols.includes(message.symbol)) this.told.found(message.symbol);
    if (recv !== undefined && message.type !== 'snapshot') {
      this.#at = Math.max(this.#at, msOf(recv));
    }
    if (message.type !== 'snapshot') this.#note(seq);
    const now = this.#at;
    if (channel === 'ticker') this.desk.takeTicker(message, now);
    else if (channel === 'trades') this.desk.takeTrade(message, now);
    else if (message.type === 'gap') this.desk.takeGap(message, now);
    else this.desk.takeBar(message);
    this.told.message(message);
  }

  /** @param {number | undefined} seq */
  #note(seq) {
    if (seq === undefined) return;
    this.#steps.take(seq);
    this.#seq = seq;
  }

  /** @param {any} position */
  #position({ at, seq, state }) {
    this.state = state;
    if (at !== null && !this.#isSeeking) this.#at = msOf(at);
    this.#seq = seq;
    const { a, b } = this.loop;
    if (this.#at >= b && !this.#isSeeking) this.#seek({ at: a });
    this.told.changed();
  }

  /** What had happened before the instant that is shown. */
  async #load() {
    const load = ++this.#loads;
    const session = this.session;
    if (this.desk.symbol === '' || session === null) return;
    const place = { at: this.#at, cursor: { epoch: session.epoch, seq: this.#seq } };
    const before = await readBefore(this.client, this.desk, place);
    if (load !== this.#loads) return;
    for (const row of before.bars) this.desk.takeBar(row);
    for (const row of before.trades) this.desk.takeTrade(row, this.#at);
    for (const row of before.gaps) this.desk.takeGap(row, this.#at);
  }

  /** @param {() => Promise<any>} act */
  async #do(act) {
    if (this.#replay === null) return;
    try {
      await act();
    } catch (error) {
      this.told.refused(error);
    }
  }
}
