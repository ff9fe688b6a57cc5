// @ts-check
// Symbols and patterns (PROTOCOL.md §1): which of them speak of the same streams.

/**
 * @param {string} name
 * @returns {boolean}
 */
export const isPattern = (name) => name.includes('*');

/**
 * Whether a symbol is meant by a name, which is a symbol or a pattern.
 * @param {string} name
 * @param {string} symbol
 * @returns {boolean}
 */
export function covers(name, symbol) {
  if (!isPattern(name)) return name === symbol;
  const [venue, part] = split(name);
  const [ofVenue, whole] = split(symbol);
  if (venue !== '*' && venue !== ofVenue) return false;
  if (part === '*' || part === whole) return true;
  const dash = whole.lastIndexOf('-');
  if (dash < 0) return false;
  if (part.startsWith('*-')) return part.slice(2) === whole.slice(dash + 1);
  return part.endsWith('-*') && part.slice(0, -2) === whole.slice(0, dash);
}

/**
 * Whether a symbol could be meant by both; of two patterns it may say so too often.
 * @param {string} one
 * @param {string} other
 * @returns {boolean}
 */
export function overlap(one, other) {
  if (!isPattern(one)) return covers(other, one);
  if (!isPattern(other)) return covers(one, other);
  const [left] = split(one);
  const [right] = split(other);
  return left === '*' || right === '*' || left === right;
}

/**
 * A list of names as callers write it: one or many, each once.
 * @param {string | Iterable<string>} names
 * @returns {string[]}
 */
export function listOf(names) {
  const list = [...new Set(typeof names === 'string' ? [names] : names)];
  for (const name of list) {
    if (typeof name !== 'string' || !name.includes(':')) {
      throw new TypeError(`not a symbol or pattern: ${String(name)}; write venue:NAME`);
    }
  }
  return list;
}

/**
 * The names in lists that each fit into one request.
 * @param {string[]} names
 * @param {{ bytes: number, patterns?: number }} limits
 * @returns {string[][]}
 */
export function packs(names, { bytes, patterns = 256 }) {
  /** @type {string[][]} */
  const lists = [];
  let room = 0;
  let left = 0;
  for (const name of names) {
    const size = name.length + 3;
    const starred = isPattern(name) ? 1 : 0;
    if (lists.length === 0 || size > room || starred > left) {
      lists.push([]);
      [room, left] = [bytes, patterns];
    }
    lists[lists.length - 1].push(name);
    room -= size;
    left -= starred;
  }
  return lists;
}

/** @param {string} name */
function split(name) {
  const colon = name.indexOf(':');
  return [name.slice(0, colon), name.slice(colon + 1)];
}
