// @ts-check
// The desk: all that the page knows, whether it is live or replayed.

import { Bars } from './bars.js';
import { Gaps } from './gaps.js';
import { msOf } from './instant.js';
import { Prints } from './prints.js';
import { Sparkline } from './sparkline.js';
import { Ticker } from './ticker.js';

/** @typedef {keyof typeof import('./bars.js').INTERVALS} Interval */

/** What the page knows. */
export class Desk {
  /** @type {Map<string, Ticker>} */
  tickers = new Map();
  /** @type {Map<string, Sparkline>} */
  #sparks = new Map();
  /** What is known of instruments: rows of `/v1/symbols`. @type {Map<string, any>} */
  instruments = new Map();
  /** The symbol of chart and tape. */
  symbol = '';
  /** @type {Interval} */
  interval = '1m';
  /** Whether somebody chose it, by hand or by a link. */
  isIntervalChosen = false;
  bars = new Bars('1m');
  prints = new Prints();
  gaps = new Gaps();
  /** @type {'live' | 'replay'} */
  mode = 'live';

  /**
   * What time it is for the prices: of a replay, the time that is played.
   * @type {(ms: number) => number}
   */
  now = (ms) => ms;

  /** @param {import('./watchlists.js').Watchlists} lists */
  constructor(lists) {
    this.lists = lists;
  }

  /** Told which symbols have something new. @type {(symbol: string) => void} */
  onTicker = () => {};
  /** Told that chart or tape have. @type {() => void} */
  onDetail = () => {};

  /** The interval for a link. @returns {Interval | ''} */
  get chosenInterval() {
    return this.isIntervalChosen ? this.interval : '';
  }

  /** @param {any[]} rows of `/v1/symbols` */
  setInstruments(rows) {
    for (const row of rows) {
      this.instruments.set(row.symbol, row);
      this.tickers.get(row.symbol)?.setTick(row.tick_size);
    }
  }

  /** The ticker of a symbol, which begins with nothing known. @param {string} symbol */
  ticker(symbol) {
    let ticker = this.tickers.get(symbol);
    if (!ticker) {
      ticker = new Ticker(symbol, this.instruments.get(symbol)?.tick_size);
      this.tickers.set(symbol, ticker);
    }
    return ticker;
  }

  /** @param {string} symbol */
  spark(symbol) {
    let spark = this.#sparks.get(symbol);
    if (!spark) this.#sparks.set(symbol, (spark = new Sparkline()));
    return spark;
  }

  /** Chart and tape begin anew. @param {string} symbol @param {Interval} interval */
  look(symbol, interval) {
    if (symbol !== this.symbol) {
      this.prints = new Prints();
      this.gaps = new Gaps();
    }
    this.symbol = symbol;
    this.interval = interval;
    this.bars = new Bars(interval);
    this.onDetail();
  }

  /** Forgets what was said of prices: what comes next is of another time. */
  reset() {
    for (const ticker of this.tickers.keys()) {
      this.tickers.set(ticker, new Ticker(ticker, this.instruments.get(ticker)?.tick_size));
      this.onTicker(ticker);
    }
    for (const spark of this.#sparks.values()) spark.clear();
    this.prints = new Prints();
    this.gaps = new Gaps();
    this.bars = new Bars(this.interval);
    this.onDetail();
  }

  /** A message of a ticker. @param {any} message @param {number} now ms */
  takeTicker(message, now) {
    const ticker = this.ticker(message.symbol);
    ticker.apply(message);
    const { last } = ticker.fields;
    if (last !== undefined) this.spark(message.symbol).note(now, Number(last));
    if (message.symbol === this.symbol) {
      if (message.type === 'gap') this.takeGap(message, now);
      else if (ticker.trouble === null && message.type !== 'snapshot')
        this.gaps.resume(ticker.recv);
    }
    this.onTicker(message.symbol);
  }

  /** A message of trades. @param {any} message @param {number} now ms */
  takeTrade(message, now) {
    if (message.symbol !== this.symbol) return;
    // Tickers and bars are conflated: of gaps they say nothing.
    if (message.type === 'gap') this.takeGap(message, now);
    this.prints.apply(message, now);
    this.onDetail();
  }

  /** A message or a row of bars. @param {any} message */
  takeBar(message) {
    if (message.symbol !== this.symbol) return;
    this.bars.apply(message);
    this.onDetail();
  }

  /** A message or a row of gaps. @param {any} message @param {number} now ms */
  takeGap(message, now) {
    this.gaps.apply(message, now);
    const { since, state } = this.ticker(this.symbol).fields;
    if (state === 'live') this.gaps.resume(msOf(since));
    this.onDetail();
  }
}
