// @ts-check
// Live: what is happening now, from the client to the desk.

import { INTERVALS } from './bars.js';
import { msOf, textOf } from './instant.js';
import { pages } from './pages.js';

/** How often the server sends a row that changes, in ms: as often as a screen shows it. */
export const CONFLATE_MS = 25;
/** The same at least while nobody looks at the page. */
const HIDDEN_MS = 2000;
const BARS_MS = 100;
/** Rows whose last minute is asked for. */
const WARM = 40;
/** Bars that a chart begins with. */
const BARS = 600;
/** Trades that a tape begins with. */
const TRADES = 60;

/** Subscriptions of the page. */
export class Live {
  /** @type {any} */ #tickers = null;
  /** @type {any} */ #trades = null;
  /** @type {any} */ #bars = null;
  #looks = 0;
  /** Symbols whose last minute was asked for. */
  #warmed = new Set();
  /** How often a row is sent while it is looked at, in ms; 0: each change. */
  conflateMs = CONFLATE_MS;

  /**
   * @param {any} client @param {import('./desk.js').Desk} desk
   * @param {{ message: (message: any) => void, resync: (message: any) => void,
   *   refused: (error: any) => void }} told
   */
  constructor(client, desk, told) {
    this.client = client;
    this.desk = desk;
    this.told = told;
  }

  /** Follows the tickers of these symbols. @param {string[]} symbols */
  watch(symbols) {
    if (symbols.length === 0) return;
    if (this.#tickers === null) {
      const conflateMs = this.#conflation;
      this.#tickers = this.client.subscribe(symbols, { channel: 'ticker', conflateMs });
      this.#hear(this.#tickers, (message) => this.desk.takeTicker(message, Date.now()));
      return;
    }
    const before = new Set(this.#tickers.names);
    const gone = [...before].filter((symbol) => !symbols.includes(symbol));
    const added = symbols.filter((symbol) => !before.has(symbol));
    if (added.length > 0) this.#tickers.add(added);
    if (gone.length > 0) this.#tickers.remove(gone);
  }

  /** The minute before the page was opened, one symbol after another. @param {string[]} symbols */
  async warm(symbols) {
    const warmed = this.#warmed;
    for (const symbol of symbols.slice(0, WARM)) {
      if (warmed.has(symbol)) continue;
      warmed.add(symbol);
      const from = textOf(Date.now() - 60_000);
      try {
        const params = { symbol, interval: '1s', from, limit: 60 };
        const { bars } = await this.client.get('/v1/bars', params);
        // A replay may have begun meanwhile, which is of another time.
        if (warmed !== this.#warmed) return;
        for (const bar of bars) this.desk.spark(symbol).note(msOf(bar.start), Number(bar.close));
      } catch {
        // A small picture less; what else fails is said elsewhere.
        return;
      }
    }
  }

  /** Follows trades and bars of the symbol at which the desk looks. */
  look() {
    const { symbol, interval } = this.desk;
    const look = ++this.#looks;
    this.#trades?.close();
    this.#bars?.close();
    if (symbol === '') return;
    this.#trades = this.client.subscribe([symbol], {
      channel: 'trades',
      last: TRADES,
      slow: 'gap',
    });
    this.#hear(this.#trades, (message) => this.desk.takeTrade(message, Date.now()));
    const channel = `bars.${INTERVALS[interval].of}`;
    this.#bars = this.client.subscribe([symbol], { channel, conflateMs: BARS_MS });
    this.#hear(this.#bars, (message) => {
      if (message.type === 'gap') this.desk.takeGap(message, Date.now());
      else this.desk.takeBar(message);
    });
    // Each beginning, the first and those after a break, may lack bars that history has.
    this.#bars.on('subscribed', () => this.#load(look));
  }

  /** Fewer messages while nobody sees them: the page was hidden, or is seen again. */
  rest() {
    this.#tickers?.set({ conflateMs: this.#conflation });
  }

  /** Ends all of it. */
  stop() {
    this.#looks += 1;
    this.#warmed = new Set();
    for (const subscription of [this.#tickers, this.#trades, this.#bars]) subscription?.close();
    this.#tickers = this.#trades = this.#bars = null;
  }

  get #conflation() {
    return document.hidden ? Math.max(HIDDEN_MS, this.conflateMs) : this.conflateMs;
  }

  /** @param {any} subscription @param {(message: any) => void} take */
  #hear(subscription, take) {
    subscription.on('message', (/** @type {any} */ message) => {
      if (message.type === 'resync') return;
      take(message);
      this.told.message(message);
    });
    subscription.on('resync', this.told.resync);
    subscription.on('error', this.told.refused);
  }

  /** @param {number} look */
  async #load(look) {
    const { symbol, interval } = this.desk;
    const { of, ms, parts } = INTERVALS[interval];
    const from = textOf(Date.now() - BARS * ms);
    const limit = Math.min(10_000, BARS * parts + 10);
    try {
      const get = (/** @type {string} */ path, /** @type {any} */ params) =>
        this.client.get(path, params);
      const read = async (
        /** @type {string} */ name,
        /** @type {any} */ params,
        /** @type {(row: any) => void} */ take,
      ) => {
        for await (const rows of pages(get, name, { symbol, from, ...params })) {
          if (look !== this.#looks) return;
          rows.forEach(take);
        }
      };
      await Promise.all([
        read('bars', { interval: of, limit }, (row) => this.desk.takeBar(row)),
        read('gaps', {}, (row) => this.desk.takeGap(row, Date.now())),
      ]);
    } catch (error) {
      if (look === this.#looks) this.told.refused(error);
    }
  }
}
