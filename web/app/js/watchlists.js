// @ts-check
// Watchlists: groups of symbols in the order that their user gave them.

/** Symbols of one group, and groups. */
export const SYMBOLS_MAX = 500;
export const GROUPS_MAX = 9;

/** @typedef {{ name: string, symbols: string[] }} Group */

/** Groups of symbols, one of which is looked at. */
export class Watchlists {
  /** @type {Group[]} */
  groups;
  current = 0;

  /** @param {Group[]} groups at least one */
  constructor(groups) {
    this.groups = groups;
  }

  /** What was stored; null if it is none. @param {string | null} text */
  static parse(text) {
    try {
      const stored = JSON.parse(text ?? '');
      const groups = stored.groups.filter(isGroup).slice(0, GROUPS_MAX).map(clean);
      if (groups.length === 0) return null;
      const lists = new Watchlists(groups);
      lists.choose(Number(stored.current) || 0);
      return lists;
    } catch {
      return null;
    }
  }

  /** To be stored. */
  text() {
    return JSON.stringify({ groups: this.groups, current: this.current });
  }

  /** The group that is looked at. */
  get group() {
    return this.groups[this.current];
  }

  /** Its symbols in their order. */
  get symbols() {
    return this.group.symbols;
  }

  /** @param {number} index @returns {boolean} whether there is such a group */
  choose(index) {
    if (!(index in this.groups)) return false;
    this.current = index;
    return true;
  }

  /** @param {string} symbol @returns {boolean} whether it was not there */
  add(symbol) {
    if (this.symbols.includes(symbol) || this.symbols.length >= SYMBOLS_MAX) return false;
    this.symbols.push(symbol);
    return true;
  }

  /** @param {string} symbol */
  remove(symbol) {
    const at = this.symbols.indexOf(symbol);
    if (at >= 0) this.symbols.splice(at, 1);
    return at >= 0;
  }

  /** Puts a symbol at a place. @param {string} symbol @param {number} place */
  move(symbol, place) {
    const at = this.symbols.indexOf(symbol);
    const to = Math.max(0, Math.min(place, this.symbols.length - 1));
    if (at < 0 || at === to) return false;
    this.symbols.splice(at, 1);
    this.symbols.splice(to, 0, symbol);
    return true;
  }

  /** Begins a group and looks at it. @param {string} name @param {string[]} [symbols] */
  addGroup(name, symbols = []) {
    if (this.groups.length >= GROUPS_MAX) return false;
    this.groups.push({ name, symbols: [...symbols] });
    this.current = this.groups.length - 1;
    return true;
  }

  /** @param {string} name */
  rename(name) {
    if (name.trim() !== '') this.group.name = name.trim();
  }

  /** The last group stays. */
  removeGroup() {
    if (this.groups.length === 1) return false;
    this.groups.splice(this.current, 1);
    this.current = Math.min(this.current, this.groups.length - 1);
    return true;
  }
}

/** @param {any} group */
function isGroup(group) {
  return typeof group?.name === 'string' && Array.isArray(group.symbols);
}

/** @param {any} group @returns {Group} */
function clean({ name, symbols }) {
  const texts = symbols.filter((/** @type {any} */ symbol) => typeof symbol === 'string');
  return { name, symbols: [...new Set(texts)].slice(0, SYMBOLS_MAX) };
}
