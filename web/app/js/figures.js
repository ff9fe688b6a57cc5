// @ts-check
// How figures are written in a language: separators come from Intl, digits from the text itself.

import { toPlaces } from './decimal.js';

const MINUS = '\u2212';
/** @type {[number, string][]} */
const UNITS = [
  [1e9, 'B'],
  [1e6, 'M'],
  [1e3, 'K'],
];

/** Writes figures. */
export class Figures {
  #group;
  #point;

  /** @param {string} language */
  constructor(language) {
    const parts = new Intl.NumberFormat(language).formatToParts(1_234_567.8);
    const find = (type) => parts.find((part) => part.type === type)?.value;
    this.#group = find('group') ?? ',';
    this.#point = find('decimal') ?? '.';
  }

  /**
   * A price with the places of its symbol.
   * @param {string | undefined} text @param {number} places
   */
  price(text, places) {
    return text === undefined ? '' : this.exact(toPlaces(text, places));
  }

  /** A number with all the digits that it has. @param {string} text */
  exact(text) {
    const negative = text.startsWith('-');
    const [whole, part] = (negative ? text.slice(1) : text).split('.');
    let grouped = whole;
    for (let at = whole.length - 3; at > 0; at -= 3) {
      grouped = `${grouped.slice(0, at)}${this.#group}${grouped.slice(at)}`;
    }
    const tail = part === undefined ? '' : this.#point + part;
    return `${negative ? MINUS : ''}${grouped}${tail}`;
  }

  /**
   * Hundredths of a per cent, always with a sign.
   * @param {number | null} points
   */
  percent(points) {
    if (points === null) return '';
    const size = Math.abs(points);
    const sign = points > 0 ? '+' : points < 0 ? MINUS : '';
    const digits = String(size).padStart(3, '0');
    return sign + this.exact(`${digits.slice(0, -2)}.${digits.slice(-2)}`) + '%';
  }

  /**
   * A quantity in few characters; it is for a glance, the title of its cell says it all.
   * @param {string | undefined} text
   */
  short(text) {
    if (text === undefined) return '';
    const value = Number(text);
    const [unit, letter] = UNITS.find(([least]) => value >= least) ?? [1, ''];
    const shown = value / unit;
    const digits = unit === 1 && Number.isInteger(value) ? 0 : shown >= 100 ? 1 : 2;
    return this.exact(shown.toFixed(digits)) + letter;
  }

  /** A count. @param {number} count */
  count(count) {
    return this.exact(String(Math.round(count)));
  }
}

/**
 * Where two texts of the same place begin to differ: what stands before it did not change.
 * @param {string} before @param {string} after
 */
export function firstDifference(before, after) {
  if (before.length !== after.length) return 0;
  let at = 0;
  while (at < after.length && before[at] === after[at]) at += 1;
  return at;
}
