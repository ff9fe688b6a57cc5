// @ts-check
// A row of the watchlist: made once for its symbol, then patched.

import { Cell } from './cell.js';
import { shortSpan } from './instant.js';
import { make, setAttribute, setText, sharpen } from './node.js';
import { say, term } from './words.js';

/** The columns, in their order. */
export const COLUMNS = /** @type {const} */ ([
  'name',
  'last',
  'change',
  'bid',
  'ask',
  'spread',
  'volume',
  'spark',
  'age',
]);

const QUIET_MS = 60_000;

/**
 * @typedef {object} Look how rows are painted now
 * @property {number} now ms @property {number} hold ms that a change is marked
 * @property {import('./figures.js').Figures} figures
 * @property {(name: string) => string} colour
 */

/** The row of one symbol. */
export class Row {
  #name = make('div', { class: 'cell name', role: 'gridcell', tabindex: '-1' });
  #cells = {
    last: new Cell('last price'),
    change: new Cell('change'),
    bid: new Cell('bid price'),
    ask: new Cell('ask price'),
    spread: new Cell('spread'),
    volume: new Cell('volume'),
  };
  #canvas = /** @type {HTMLCanvasElement} */ (make('canvas', { 'aria-hidden': 'true' }));
  #age = make('div', { class: 'cell age', role: 'gridcell', tabindex: '-1' });
  #drawn = '';
  #class = '';

  /** @param {string} symbol */
  constructor(symbol) {
    this.symbol = symbol;
    const [venue, name] = split(symbol);
    this.#name.append(name, ' ', make('span', { class: 'venue' }, [venue]));
    this.#name.title = symbol;
    const { last, change, bid, ask, spread, volume } = this.#cells;
    const figures = [last, change, bid, ask, spread, volume].map((cell) => cell.node);
    const spark = make('div', { class: 'cell spark', role: 'gridcell', tabindex: '-1' });
    spark.append(this.#canvas);
    this.cells = [this.#name, ...figures, spark, this.#age];
    this.node = make('div', { class: 'grid-row', role: 'row' }, this.cells);
    this.node.dataset.symbol = symbol;
  }

  /** Patches what changed. @param {import('./ticker.js').Ticker} ticker @param {Look} look */
  paint(ticker, look) {
    const { fields, places, direction } = ticker;
    const { figures } = look;
    const { last, change, bid, ask, spread, volume } = this.#cells;
    last.show(figures.price(fields.last, places), direction.last, look);
    last.point(direction.last);
    bid.show(figures.price(fields.bid, places), direction.bid, look);
    ask.show(figures.price(fields.ask, places), direction.ask, look);
    const points = ticker.change;
    change.show(figures.percent(points), 0, look);
    change.point(points === null ? 0 : Math.sign(points));
    spread.show(figures.price(ticker.spread, places), 0, look);
    volume.show(figures.short(fields.volume), 0, look);
    this.tell(ticker, look.now);
  }

  /** Marks the cells; whether it has to be done again. @param {number} now */
  light(now) {
    const { last, bid, ask } = this.#cells;
    return [last.light(now), bid.light(now), ask.light(now)].some(Boolean);
  }

  /**
   * How old it is, and what is wrong with it.
   * @param {import('./ticker.js').Ticker} ticker @param {number} now
   */
  tell(ticker, now) {
    const { trouble, fields } = ticker;
    const since = Number.isFinite(ticker.recv) ? now - ticker.recv : NaN;
    const span = Number.isFinite(since) ? shortSpan(since) : '';
    const closed = fields.trading !== undefined && fields.trading !== 'open';
    let [kind, text] = ['', span];
    if (trouble !== null) [kind, text] = ['stale', `${term(trouble)} ${span}`.trim()];
    else if (closed) [kind, text] = ['told', term(fields.trading)];
    else if (since > QUIET_MS) kind = 'quiet';
    setText(this.#age, text);
    if (kind !== this.#class) {
      this.node.classList.remove('stale', 'told', 'quiet');
      if (kind !== '') this.node.classList.add(kind);
      this.#class = kind;
    }
    const why = kind === 'stale' ? whyOf(ticker) : null;
    setAttribute(this.node, 'title', why);
  }

  /**
   * Draws the last minute.
   * @param {import('./sparkline.js').Sparkline} spark @param {Look} look @param {number} change
   */
  draw(spark, look, change) {
    const colour = look.colour(change < 0 ? '--down' : '--up');
    const mark = `${spark.newest} ${colour}`;
    if (mark === this.#drawn) return;
    this.#drawn = mark;
    const { pen, width, height } = sharpen(this.#canvas);
    const points = spark.points();
    if (points.length < 2) return;
    pen.strokeStyle = colour;
    pen.lineWidth = 1;
    pen.beginPath();
    for (const [x, y] of points) pen.lineTo(x * (width - 1) + 0.5, y * (height - 4) + 2);
    pen.stroke();
  }
}

/** Its venue, and its name there. @param {string} symbol @returns {[string, string]} */
export function split(symbol) {
  const colon = symbol.indexOf(':');
  return colon < 0 ? ['', symbol] : [symbol.slice(0, colon), symbol.slice(colon + 1)];
}

/** @param {import('./ticker.js').Ticker} ticker */
function whyOf(ticker) {
  const at = Number.isFinite(ticker.recv) ? new Date(ticker.recv).toISOString() : '–';
  const reason = ticker.fields.reason ?? say('reason.unknown');
  return say('stale.title', { at, reason });
}
