// @ts-check
// The banner: what is wrong with the connection, and how it came right again.

import { clockOf } from './instant.js';
import { find, setText } from './node.js';
import { say } from './words.js';

/** How long good news stay. */
const GOOD_MS = 6000;

/** The line under the header. */
export class Banner {
  #node = find('banner');
  #text = find('banner-text');
  #retry = find('banner-retry');
  #close = find('banner-close');
  #until = Infinity;
  /** @type {null | { attempt: number, due: number, last: number, reason: string }} */
  #waiting = null;

  /** @param {() => void} retry */
  constructor(retry) {
    this.#retry.addEventListener('click', retry);
    this.#close.addEventListener('click', () => this.hide());
  }

  /**
   * The connection is gone.
   * @param {{ attempt: number, due: number, last: number, reason: string }} waiting
   */
  wait(waiting) {
    this.#waiting = waiting;
    this.#until = Infinity;
    this.#show('warn');
    this.paint(Date.now());
  }

  /** Something that passes by itself. @param {string} text */
  tell(text) {
    this.#waiting = null;
    this.#until = Date.now() + GOOD_MS;
    setText(this.#text, text);
    this.#show('good');
  }

  /** Something that stays until it is closed. @param {string} text */
  warn(text) {
    this.#waiting = null;
    this.#until = Infinity;
    setText(this.#text, text);
    this.#show('bad');
  }

  hide() {
    this.#waiting = null;
    this.#node.hidden = true;
  }

  /** @param {number} now ms */
  paint(now) {
    if (now > this.#until && !this.#node.hidden) this.hide();
    if (this.#waiting === null) return;
    const { attempt, due, last, reason } = this.#waiting;
    const seconds = Math.max(0, Math.ceil((due - now) / 1000));
    const lost = seconds > 0 ? 'lost' : 'lost.now';
    const said = say(lost, { attempt, seconds, last: clockOf(last) || '–' });
    setText(this.#text, reason === '' ? said : `${said} · ${reason}`);
  }

  /** @param {'good' | 'warn' | 'bad'} kind */
  #show(kind) {
    this.#node.hidden = false;
    this.#node.dataset.kind = kind;
    this.#retry.hidden = kind !== 'warn';
    this.#close.hidden = kind === 'warn';
  }
}
