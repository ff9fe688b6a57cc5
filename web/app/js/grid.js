// @ts-check
// The watchlist as a grid: rows in the user's order, or sorted, and only those in sight painted.

import { Focus } from './focus.js';
import { make, setAttribute } from './node.js';
import { COLUMNS, Row, split } from './row.js';
import { Sorting } from './sorting.js';
import { say } from './words.js';

/** @typedef {import('./row.js').Look} Look */

/** The watchlist. */
export class Grid {
  /** @type {Map<string, Row>} */
  #rows = new Map();
  /** @type {string[]} */
  #order = [];
  #dirty = new Set();
  #lit = new Set();
  #chosen = '';
  #second = 0;
  #isPointed = false;
  #sorting = new Sorting();

  /**
   * @param {HTMLElement} node @param {import('./desk.js').Desk} desk
   * @param {() => Look} look
   */
  constructor(node, desk, look) {
    this.node = node;
    this.desk = desk;
    this.look = look;
    this.head = makeHead();
    node.append(this.head);
    this.focus = new Focus(node, () => this.#lines());
    this.view = { top: 0, height: 600, row: 22 };
    node.addEventListener('scroll', () => this.#measure(), { passive: true });
    new ResizeObserver(() => this.#measure()).observe(node);
    node.addEventListener('pointerenter', () => (this.#isPointed = true));
    node.addEventListener('pointerleave', () => (this.#isPointed = false));
    this.head.addEventListener('click', (event) => this.#sortBy(event.target));
  }

  /** Told when something has to be painted. @type {() => void} */
  onDirty = () => {};
  /** Told which row was painted. @type {(ticker: import('./ticker.js').Ticker) => void} */
  onPainted = () => {};

  /** Symbols as they stand from top to bottom. */
  get order() {
    return this.#order;
  }

  /** Whether the user's own order is shown. */
  get isSorted() {
    return this.#sorting.column !== '';
  }

  /** The symbol of the row that has, or last had, the focus. */
  get focused() {
    return this.focus.line?.dataset.symbol ?? this.#chosen;
  }

  /** Shows these symbols; rows that stay are the same rows. @param {string[]} symbols */
  setSymbols(symbols) {
    for (const [symbol, row] of this.#rows) {
      if (symbols.includes(symbol)) continue;
      row.node.remove();
      this.#rows.delete(symbol);
      this.#dirty.delete(symbol);
      this.#lit.delete(row);
    }
    for (const symbol of symbols) {
      if (!this.#rows.has(symbol)) this.#rows.set(symbol, new Row(symbol));
      this.#dirty.add(symbol);
    }
    this.#place(this.isSorted ? this.#sorting.sort(symbols, this.desk.tickers) : symbols);
    const venues = new Set(symbols.map((symbol) => split(symbol)[0]));
    setAttribute(this.node, 'data-venues', String(venues.size));
    this.choose(this.#chosen);
    this.focus.settle();
    this.onDirty();
  }

  /** The symbol that the chart shows. @param {string} symbol */
  choose(symbol) {
    for (const row of this.#rows.values()) {
      row.node.classList.toggle('chosen', row.symbol === symbol);
      setAttribute(row.node, 'aria-selected', String(row.symbol === symbol));
    }
    this.#chosen = symbol;
  }

  /** A symbol has something new. @param {string} symbol */
  touch(symbol) {
    if (this.#rows.has(symbol)) this.#dirty.add(symbol);
  }

  /** All of it is to be painted anew. */
  touchAll() {
    for (const symbol of this.#rows.keys()) this.#dirty.add(symbol);
    this.onDirty();
  }

  /** Paints what changed and is in sight. @param {number} now */
  paint(now) {
    const look = this.look();
    const second = Math.floor(now / 1000);
    const isNewSecond = second !== this.#second;
    this.#second = second;
    if (isNewSecond && this.isSorted && !this.#isBusy()) this.#resort();
    for (const symbol of this.#inSight()) {
      const row = this.#rows.get(symbol);
      const ticker = this.desk.tickers.get(symbol);
      if (!row || !ticker) continue;
      if (this.#dirty.delete(symbol)) {
        row.paint(ticker, look);
        this.onPainted(ticker);
        this.#lit.add(row);
      } else if (isNewSecond) row.tell(ticker, look.now);
      row.draw(this.desk.spark(symbol), look, ticker.change ?? 0);
    }
    for (const row of this.#lit) {
      if (!row.light(now)) this.#lit.delete(row);
    }
    return this.#lit.size > 0;
  }

  /** Brings a symbol into sight and gives its row the focus. @param {string} symbol */
  reveal(symbol) {
    const row = this.#rows.get(symbol);
    if (row) this.focus.give(row.cells[0]);
  }

  #measure() {
    const { scrollTop: top, clientHeight: height } = this.node;
    const row = this.#rows.values().next().value?.node.offsetHeight || 22;
    this.view = { top, height, row };
    this.onDirty();
  }

  #inSight() {
    const { top, height, row } = this.view;
    const first = Math.max(0, Math.floor(top / row) - 2);
    return this.#order.slice(first, first + Math.ceil(height / row) + 4);
  }

  #isBusy() {
    return this.#isPointed || this.node.contains(document.activeElement);
  }

  /** @param {EventTarget | null} target */
  #sortBy(target) {
    const cell = /** @type {HTMLElement} */ (target).closest('[data-column]');
    if (!(cell instanceof HTMLElement) || cell.dataset.column === 'spark') return;
    this.#sorting.turn(cell.dataset.column ?? '');
    for (const head of this.head.children) {
      const isIt = /** @type {HTMLElement} */ (head).dataset.column === this.#sorting.column;
      setAttribute(head, 'aria-sort', isIt ? this.#sorting.order : null);
    }
    this.#resort();
  }

  #resort() {
    this.#place(this.#sorting.sort(this.desk.lists.symbols, this.desk.tickers));
  }

  /** @param {string[]} order */
  #place(order) {
    this.#order = [...order];
    let before = /** @type {Element} */ (this.head);
    order.forEach((symbol, index) => {
      const row = /** @type {Row} */ (this.#rows.get(symbol)).node;
      if (before.nextElementSibling !== row) before.after(row);
      setAttribute(row, 'aria-rowindex', String(index + 2));
      before = row;
    });
    setAttribute(this.node, 'aria-rowcount', String(order.length + 1));
    setAttribute(this.node, 'aria-colcount', String(COLUMNS.length));
  }

  #lines() {
    const rows = this.#order.map((symbol) => this.#rows.get(symbol)?.node);
    return [this.head, .../** @type {HTMLElement[]} */ (rows.filter(Boolean))];
  }
}

function makeHead() {
  const cells = COLUMNS.map((column) => {
    const key = /** @type {any} */ (`column.${column}`);
    const attributes = { class: `cell ${column}`, role: 'columnheader', tabindex: '-1' };
    const cell = make('div', { ...attributes, 'data-column': column, 'data-word': key }, [
      say(key),
    ]);
    cell.setAttribute('data-title', `column.${column}.title`);
    return cell;
  });
  return make('div', { class: 'grid-row grid-head', role: 'row', 'aria-rowindex': '1' }, cells);
}
