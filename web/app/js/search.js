// @ts-check
// The search: type a symbol, Enter adds it (W3C APG, combobox with a list).

import { make, setAttribute } from './node.js';
import { say } from './words.js';

const SHOWN = 9;

/**
 * Symbols that a text may mean, the likeliest first.
 * @param {string} text @param {Iterable<string>} symbols
 */
export function matches(text, symbols) {
  const wanted = text.trim().toUpperCase();
  if (wanted === '') return [];
  const ranked = [];
  for (const symbol of symbols) {
    const whole = symbol.toUpperCase();
    const name = whole.slice(whole.indexOf(':') + 1);
    const at = whole.indexOf(wanted);
    if (at < 0) continue;
    const rank =
      name === wanted ? 0 : name.startsWith(wanted) ? 1 : whole.startsWith(wanted) ? 2 : 3;
    ranked.push({ symbol, rank });
  }
  ranked.sort((a, b) => a.rank - b.rank || (a.symbol < b.symbol ? -1 : 1));
  return ranked.map(({ symbol }) => symbol);
}

/** The box over the watchlist. */
export class Search {
  /** @type {string[]} */
  #found = [];
  #at = -1;

  /**
   * @param {HTMLInputElement} box @param {HTMLElement} list
   * @param {{ symbols: () => Iterable<string>, add: (symbol: string) => void,
   *   say: (text: string) => void }} desk
   */
  constructor(box, list, desk) {
    this.box = box;
    this.list = list;
    this.desk = desk;
    box.addEventListener('input', () => this.#look());
    box.addEventListener('keydown', (event) => this.#press(event));
    box.addEventListener('blur', () => setTimeout(() => this.#show([]), 150));
    box.form?.addEventListener('submit', (event) => this.#submit(event));
    list.addEventListener('pointerdown', (event) => {
      const item = /** @type {HTMLElement} */ (event.target).closest('li');
      if (item?.dataset.symbol) this.#take(item.dataset.symbol);
      event.preventDefault();
    });
  }

  #look() {
    this.#at = -1;
    this.#show(matches(this.box.value, this.desk.symbols()).slice(0, SHOWN));
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    if (event.key === 'Escape') {
      this.box.value = '';
      this.#show([]);
      this.box.blur();
    }
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step === 0 || this.#found.length === 0) return;
    event.preventDefault();
    this.#at = (this.#at + step + this.#found.length) % this.#found.length;
    this.#mark();
  }

  /** @param {Event} event */
  #submit(event) {
    event.preventDefault();
    const text = this.box.value.trim();
    if (text === '') return;
    const chosen = this.#found[Math.max(0, this.#at)];
    if (chosen !== undefined) this.#take(chosen);
    else this.desk.say(say('search.none', { text }));
  }

  /** @param {string} symbol */
  #take(symbol) {
    this.box.value = '';
    this.#show([]);
    this.desk.add(symbol);
  }

  /** @param {string[]} found */
  #show(found) {
    this.#found = found;
    const items = found.map((symbol, index) => {
      const item = make('li', { role: 'option', id: `found-${index}` }, [symbol]);
      item.dataset.symbol = symbol;
      return item;
    });
    this.list.replaceChildren(...items);
    this.list.hidden = found.length === 0;
    setAttribute(this.box, 'aria-expanded', String(found.length > 0));
    this.#mark();
  }

  #mark() {
    [...this.list.children].forEach((item, index) => {
      setAttribute(item, 'aria-selected', String(index === Math.max(0, this.#at)));
    });
    const active = this.#found.length > 0 ? `found-${Math.max(0, this.#at)}` : null;
    setAttribute(this.box, 'aria-activedescendant', active);
  }
}
