// @ts-check
// The looks of the page: theme, colours of up and down, motion, language.

import { CHOICES } from './preferences.js';
import { LANGUAGES, fill, speak } from './words.js';

const less = matchMedia('(prefers-reduced-motion: reduce)');
const dark = matchMedia('(prefers-color-scheme: dark)');

/** How the page looks. */
export class Looks {
  #preferences;
  /** Asking the browser costs as much as laying the page out. @type {Map<string, string>} */
  #colours = new Map();
  /** Told after each change, as what is drawn has to be drawn again. @type {() => void} */
  onChange = () => {};

  /** @param {import('./preferences.js').Preferences} preferences */
  constructor(preferences) {
    this.#preferences = preferences;
    for (const query of [less, dark]) query.addEventListener('change', () => this.apply());
    this.apply();
  }

  /** The language that is spoken. @returns {keyof typeof LANGUAGES} */
  get language() {
    const chosen = this.#preferences.get('language') ?? navigator.language.slice(0, 2);
    return chosen in LANGUAGES ? /** @type {any} */ (chosen) : 'en';
  }

  /** Whether nothing shall move. */
  get isStill() {
    const motion = this.#preferences.choice('motion');
    return motion === 'less' || (motion === 'auto' && less.matches);
  }

  /** @param {keyof typeof CHOICES} name @returns {string} what holds now */
  turn(name) {
    const next = this.#preferences.turn(name);
    this.apply();
    return next;
  }

  /** @param {string} language */
  setLanguage(language) {
    this.#preferences.set('language', language);
    this.apply();
  }

  /** A choice as it stands. @param {keyof typeof CHOICES} name */
  choice(name) {
    return this.#preferences.choice(name);
  }

  /** A colour of the theme. @param {string} name of a custom property */
  colour(name) {
    let colour = this.#colours.get(name);
    if (colour === undefined) {
      colour = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
      this.#colours.set(name, colour);
    }
    return colour;
  }

  /** Makes the page look so. */
  apply() {
    const root = document.documentElement;
    const theme = this.choice('theme');
    root.dataset.theme = theme === 'auto' ? (dark.matches ? 'dark' : 'light') : theme;
    root.dataset.colours = this.choice('colours');
    root.dataset.motion = this.isStill ? 'less' : 'full';
    root.lang = this.language;
    speak(this.language);
    fill(document);
    this.#colours.clear();
    this.onChange();
  }
}
