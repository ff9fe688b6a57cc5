// @ts-check
// What a user prefers, kept by this browser.

const KEY = 'tickwire.';

/** What can be chosen; the first is what holds until it is. */
export const CHOICES = /** @type {const} */ ({
  theme: ['auto', 'dark', 'light'],
  colours: ['blue', 'green', 'korean'],
  motion: ['auto', 'full', 'less'],
});

/** Preferences by name; texts. */
export class Preferences {
  #store;

  /** @param {Storage | null} store null where the browser keeps nothing */
  constructor(store) {
    this.#store = store;
  }

  /** Those of this browser; without them if it forbids it. */
  static open() {
    try {
      return new Preferences(window.localStorage);
    } catch {
      return new Preferences(null);
    }
  }

  /** @param {string} name @returns {string | null} */
  get(name) {
    try {
      return this.#store?.getItem(KEY + name) ?? null;
    } catch {
      return null;
    }
  }

  /** @param {string} name @param {string} value */
  set(name, value) {
    try {
      this.#store?.setItem(KEY + name, value);
    } catch {
      // A full or forbidden store: the choice holds until the page is left.
    }
  }

  /** One of the choices. @param {keyof typeof CHOICES} name @returns {string} */
  choice(name) {
    const chosen = this.get(name);
    const choices = /** @type {readonly string[]} */ (CHOICES[name]);
    return chosen !== null && choices.includes(chosen) ? chosen : choices[0];
  }

  /** Goes on to the next choice, and says which. @param {keyof typeof CHOICES} name */
  turn(name) {
    const choices = /** @type {readonly string[]} */ (CHOICES[name]);
    const next = choices[(choices.indexOf(this.choice(name)) + 1) % choices.length];
    this.set(name, next);
    return next;
  }
}
