// @ts-check
// The tools at the right of the header: theme, colours, motion, language.

import { find, make, setText } from './node.js';
import { LANGUAGES, say } from './words.js';

const TURNS = /** @type {const} */ (['theme', 'colours', 'motion']);

/** Buttons that change how the page looks. */
export class Tools {
  /** @param {import('./looks.js').Looks} looks */
  constructor(looks) {
    this.looks = looks;
    for (const name of TURNS) {
      find(name).addEventListener('click', () => {
        looks.turn(name);
        this.show();
      });
    }
    const list = find('language');
    for (const [code, name] of Object.entries(LANGUAGES)) {
      list.append(make('option', { value: code }, [name]));
    }
    list.addEventListener('change', () => {
      looks.setLanguage(list.value);
      this.show();
    });
    this.show();
  }

  /** Says what is chosen. */
  show() {
    for (const name of TURNS) {
      const key = /** @type {any} */ (`${name}.${this.looks.choice(name)}`);
      setText(find(name), say(key));
    }
    find('language').value = this.looks.language;
  }
}
