// @ts-check
// Sorting: the order of a watchlist by one of its columns.

import { compare } from './decimal.js';

/** @typedef {import('./ticker.js').Ticker} Ticker */

const BY = {
  last: (/** @type {Ticker} */ ticker) => ticker.fields.last,
  bid: (/** @type {Ticker} */ ticker) => ticker.fields.bid,
  ask: (/** @type {Ticker} */ ticker) => ticker.fields.ask,
  spread: (/** @type {Ticker} */ ticker) => ticker.spread,
  volume: (/** @type {Ticker} */ ticker) => ticker.fields.volume,
  change: (/** @type {Ticker} */ ticker) => numberText(ticker.change),
  age: (/** @type {Ticker} */ ticker) =>
    numberText(Number.isFinite(ticker.recv) ? -ticker.recv : null),
};

/** By which column, and which way. */
export class Sorting {
  /** '' is the user's own order. */
  column = '';
  /** @type {'ascending' | 'descending'} */
  order = 'descending';

  /**
   * A click on a column: largest first, smallest first, the user's order.
   * @param {string} column
   */
  turn(column) {
    if (column !== this.column) {
      this.column = column;
      this.order = column === 'name' ? 'ascending' : 'descending';
    } else if (this.order === (column === 'name' ? 'ascending' : 'descending')) {
      this.order = column === 'name' ? 'descending' : 'ascending';
    } else this.column = '';
  }

  /**
   * Symbols in order; those of which nothing is known come last, equals as the user has them.
   * @param {string[]} symbols @param {Map<string, Ticker>} tickers
   */
  sort(symbols, tickers) {
    if (this.column === '') return [...symbols];
    const way = this.order === 'ascending' ? 1 : -1;
    if (this.column === 'name') return [...symbols].sort((a, b) => way * (a < b ? -1 : 1));
    const by = BY[/** @type {keyof typeof BY} */ (this.column)];
    const value = (/** @type {string} */ symbol) => {
      const ticker = tickers.get(symbol);
      return ticker && by ? by(ticker) : undefined;
    };
    const valued = symbols.map((symbol) => ({ symbol, value: value(symbol) }));
    valued.sort((a, b) => {
      if (a.value === undefined || b.value === undefined) {
        return Number(a.value === undefined) - Number(b.value === undefined);
      }
      return way * compare(a.value, b.value);
    });
    return valued.map(({ symbol }) => symbol);
  }
}

/** @param {number | null} number */
function numberText(number) {
  return number === null ? undefined : String(number);
}
