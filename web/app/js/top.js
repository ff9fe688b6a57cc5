// @ts-check
// The top of the book: best bid and ask with their sizes. It is all that is known: "L1 only".

import { find, make, setAttribute, setText, sharpen } from './node.js';
import { say } from './words.js';

/** Best bid and ask of one symbol. */
export class Top {
  #parts = {
    bid: side('bid'),
    ask: side('ask'),
    spread: make('span'),
    last: make('span', { class: 'figure' }),
  };
  #weight = /** @type {HTMLCanvasElement} */ (
    make('canvas', { class: 'weight', 'aria-hidden': 'true' })
  );
  #seen = '';

  /**
   * @param {import('./desk.js').Desk} desk
   * @param {() => import('./row.js').Look} look
   */
  constructor(desk, look) {
    this.desk = desk;
    this.look = look;
    const { bid, ask, spread, last } = this.#parts;
    const only = make('span', {
      class: 'only',
      'data-word': 'top.only',
      'data-title': 'top.title',
    });
    only.textContent = say('top.only');
    find('top').append(
      make('div', { class: 'sides' }, [bid.node, ask.node]),
      this.#weight,
      make('div', { class: 'middle' }, [spread, last, only]),
    );
  }

  paint() {
    const ticker = this.desk.tickers.get(this.desk.symbol);
    if (!ticker) return;
    const { figures, colour } = this.look();
    const { fields, places } = ticker;
    const { bid, ask, spread, last } = this.#parts;
    const mark = [ticker.seq, fields.state, places, colour('--up'), this.desk.symbol].join(' ');
    if (mark === this.#seen) return;
    this.#seen = mark;
    setText(bid.price, figures.price(fields.bid, places) || '–');
    setText(ask.price, figures.price(fields.ask, places) || '–');
    setText(bid.size, fields.bid_size === undefined ? '' : figures.exact(fields.bid_size));
    setText(ask.size, fields.ask_size === undefined ? '' : figures.exact(fields.ask_size));
    setText(spread, `${say('column.spread')} ${figures.price(ticker.spread, places) || '–'}`);
    setText(last, `${say('column.last')} ${figures.price(fields.last, places) || '–'}`);
    setAttribute(last, 'data-way', ['down', null, 'up'][ticker.direction.last + 1]);
    this.#draw(Number(fields.bid_size ?? 0), Number(fields.ask_size ?? 0), colour);
  }

  /**
   * How much stands on each side.
   * @param {number} bid @param {number} ask @param {(name: string) => string} colour
   */
  #draw(bid, ask, colour) {
    const { pen, width, height } = sharpen(this.#weight);
    const sum = bid + ask;
    if (sum === 0) return;
    const middle = Math.round((width * bid) / sum);
    pen.fillStyle = colour('--up-fill');
    pen.fillRect(0, 0, middle - 1, height);
    pen.fillStyle = colour('--down-fill');
    pen.fillRect(middle + 1, 0, width - middle - 1, height);
  }
}

/** @param {'bid' | 'ask'} name */
function side(name) {
  const key = /** @type {any} */ (`column.${name}`);
  const label = make('p', { class: 'label', 'data-word': key }, [say(key)]);
  const [price, size] = [make('p', { class: 'price' }), make('p', { class: 'size' })];
  return { node: make('div', { class: `side ${name}` }, [label, price, size]), price, size };
}
