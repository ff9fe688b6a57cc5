// @ts-check
import { Failure } from '../failure.js';

/** @typedef {import('./session.js').SessionHost} SessionHost */

/** The longest that a timer can wait, in ms. */
const LONGEST_MS = 2 ** 31 - 1;

/** When a token could not be had, this passes before it is asked for again, in ms. */
const AGAIN_MS = 5_000;

/** Shows the token of a WebSocket, and another one before it expires. */
export class Access {
  /** @type {((granted: boolean) => void) | null} */
  #shown = null;
  /** @type {any} */
  #timer = null;
  #isGranted = false;
  #isOver = false;

  /**
   * @param {SessionHost} host
   * @param {(op: object) => void} send
   * @param {(end: import('./end.js').End) => void} end
   */
  constructor(host, send, end) {
    this.host = host;
    this.send = send;
    this.end = end;
  }

  /**
   * Shows a token.
   * @returns {Promise<boolean>} whether it was good
   */
  async show() {
    /** @type {string | null} */
    let token = null;
    try {
      token = await this.host.token();
    } catch (error) {
      this.#lacking(`getToken failed: ${error}`);
      return false;
    }
    if (!token) {
      this.end({ code: 'unauthorized', reason: 'the server asks for a token, and there is none' });
      return false;
    }
    const shown = new Promise((resolve) => { this.#shown = resolve; });
    this.send({ op: 'auth', token });
    return shown;
  }

  /** @param {{ expires?: string }} answer */
  granted({ expires }) {
    this.#isGranted = true;
    this.#shown?.(true);
    this.#shown = null;
    clearTimeout(this.#timer);
    if (!expires || !this.host.canRenew) return;
    const left = Date.parse(expires) - Date.now() - (this.host.clock.offsetMs ?? 0);
    // A quarter of what is left, a minute at most, is the time for the next one to be made.
    const wait = Math.max(0, left - Math.min(60_000, left / 4));
    this.#timer = setTimeout(() => void this.show(), Math.min(wait, LONGEST_MS));
  }

  /**
   * @param {Failure} failure
   * @returns {boolean} whether it was about the token, and is settled here
   */
  refused(failure) {
    if (failure.code === 'token_expired' && this.host.canRenew) {
      void this.show();
      return true;
    }
    return false;
  }

  /** @param {string} reason */
  #lacking(reason) {
    if (this.#isOver) return;
    if (!this.#isGranted) return this.end({ code: 'no_token', reason });
    // The one that was shown may be good for a while.
    this.host.failed(new Failure('no_token', reason, { retry: true }));
    this.#timer = setTimeout(() => void this.show(), AGAIN_MS);
  }

  stop() {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#shown?.(false);
  }
}
