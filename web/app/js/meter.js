// @ts-check
// The meter: how much comes and is shown, how old it is, and how fast the page paints.

import { Rate, Spread } from './rate.js';

/** Measurements of the page. */
export class Meter {
  received = new Rate();
  /** Messages of tickers, since the page was opened. */
  tickers = 0;
  shown = new Rate();
  /** The time from the venue to here, in ms, of what came in the last second. */
  #ages = new Spread();
  ageMs = NaN;
  /** From the server's reading of a frame until its row is painted, in ms. */
  behind = new Spread();
  /** Milliseconds that a painting took. */
  paints = new Spread();
  /** When the last data came, in ms; NaN before the first. */
  last = NaN;
  /** When the first row with a price was painted, in ms since the page began to load. */
  firstPaint = NaN;

  /** A message came. @param {any} message @param {number} now ms, by the server's clock */
  take(message, now) {
    this.received.add(1);
    this.last = now;
    if (message.channel !== 'ticker') return;
    this.tickers += 1;
    if (message.ts !== undefined && message.type !== 'status') {
      this.#ages.add(now - Date.parse(message.ts));
    }
  }

  /**
   * A row was painted.
   * @param {import('./ticker.js').Ticker} ticker @param {number} now ms, by the server's clock
   */
  paint(ticker, now) {
    this.shown.add(1);
    this.behind.add(now - ticker.recv);
    if (Number.isNaN(this.firstPaint) && ticker.fields.last !== undefined) {
      this.firstPaint = performance.now();
    }
  }

  /** Looks at the clock. @param {number} now ms */
  turn(now) {
    this.shown.turn(now);
    if (!this.received.turn(now)) return;
    this.ageMs = this.#ages.at(0.5);
    this.#ages.clear();
  }
}
