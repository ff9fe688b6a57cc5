// @ts-check
// A ticker: the last state of one symbol, folded from the messages of its stream.

import {
  changeBasisPoints,
  compare,
  meantPlaces,
  places,
  subtract,
  tickPlaces,
} from './decimal.js';
import { msOf } from './instant.js';

const PRICES = ['bid', 'ask', 'last', 'open', 'high', 'low', 'prev_close'];
const HEALTH = ['state', 'trading', 'since', 'reason'];
const FRAME = new Set(['type', 'channel', 'symbol', 'seq', 'prev']);

/** The last state of one symbol. */
export class Ticker {
  /** @param {string} symbol @param {string} [tick] its tick size, if that is known */
  constructor(symbol, tick) {
    this.symbol = symbol;
    /** Fields of the protocol that are known. @type {Record<string, any>} */
    this.fields = {};
    /** The place of the last message; 0 before the first. */
    this.seq = 0;
    /** Of the last data, by the venue's clock and by the server's, in ms. */
    this.ts = NaN;
    this.recv = NaN;
    /** Which way each price went last: 1, -1 or 0. */
    this.direction = { last: 0, bid: 0, ask: 0 };
    this.#fixed = tick === undefined ? null : tickPlaces(tick);
  }

  #fixed;
  /** Digits that its prices were sent with, and those of them that say something. */
  #learned = 0;
  #needed = 0;

  /**
   * Digits after the point of its prices: those of its tick size, else the most that were sent.
   * They only ever grow, so that nothing jumps.
   */
  get places() {
    return this.#fixed === null ? this.#learned : Math.max(this.#fixed, this.#needed);
  }

  /** @param {string | undefined} tick */
  setTick(tick) {
    if (tick !== undefined) this.#fixed = tickPlaces(tick);
  }

  /** Whether anything is known. */
  get isKnown() {
    return this.seq > 0 || this.fields.state !== undefined;
  }

  /** Why its prices may not be what is traded now; null if they are. @returns {string | null} */
  get trouble() {
    const state = this.fields.state;
    return state === undefined || state === 'live' ? null : state;
  }

  /**
   * Takes in a message of its stream, which the client has found to follow what was before.
   * @param {Record<string, any>} message
   */
  apply(message) {
    const before = { ...this.#sides() };
    if (message.type === 'snapshot') this.fields = {};
    if (message.type === 'snapshot' || message.type === 'delta') this.#merge(message);
    if (message.type === 'status') {
      for (const name of HEALTH) this.#set(name, message[name]);
    }
    if (message.seq !== undefined) this.seq = message.seq;
    if (message.type !== 'delta' && message.type !== 'snapshot') return;
    for (const name of PRICES) this.#learn(this.fields[name]);
    this.#turn(before);
    this.ts = message.ts === undefined ? this.ts : msOf(message.ts);
    this.recv = message.recv === undefined ? this.recv : msOf(message.recv);
  }

  /** Hundredths of a per cent since the day before, else since the day's first price. */
  get change() {
    const { last } = this.fields;
    const from = this.reference;
    return last === undefined || from === undefined ? null : changeBasisPoints(last, from);
  }

  /** What the change is counted from. @returns {string | undefined} */
  get reference() {
    return this.fields.prev_close ?? this.fields.open;
  }

  /** Ask less bid. @returns {string | undefined} */
  get spread() {
    const { bid, ask } = this.fields;
    return bid === undefined || ask === undefined ? undefined : subtract(ask, bid);
  }

  #sides() {
    const { last, bid, ask } = this.fields;
    return { last, bid, ask };
  }

  /** @param {Record<string, any>} message */
  #merge(message) {
    for (const name in message) {
      if (!FRAME.has(name)) this.#set(name, message[name]);
    }
  }

  /** @param {string} name @param {any} value */
  #set(name, value) {
    if (value === null || value === undefined) delete this.fields[name];
    else this.fields[name] = value;
  }

  /** @param {string | undefined} price */
  #learn(price) {
    if (price === undefined || places(price) <= this.#needed) return;
    this.#learned = Math.max(this.#learned, meantPlaces(price));
    this.#needed = Math.max(this.#needed, tickPlaces(price));
  }

  /** @param {Record<string, string | undefined>} before */
  #turn(before) {
    for (const side of /** @type {const} */ (['last', 'bid', 'ask'])) {
      const [old, now] = [before[side], this.fields[side]];
      if (old === undefined || now === undefined || old === now) continue;
      this.direction[side] = compare(now, old) || this.direction[side];
    }
  }
}
