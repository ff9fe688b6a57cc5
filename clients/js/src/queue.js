// @ts-check
import { Failure } from './failure.js';

/**
 * Messages for one `for await`, bounded. At the bound it is emptied, and takes nothing more until
 * its reader, who is told by an `overflow`, asks for the next.
 * @template T
 */
export class Queue {
  /** @type {any[]} */
  #items = [];
  /** Where the first that waits stands in `#items`: a shift of many is dear. */
  #first = 0;
  #dropped = 0;
  /** @type {{ error: Error | null } | null} */
  #end = null;
  /** @type {{ resolve: (result: IteratorResult<any>) => void, reject: (e: Error) => void }[]} */
  #readers = [];

  /**
   * @param {{ bound: number, overflow: 'resync' | 'throw', onOverflow: () => void,
   *   onTake: () => void, onReturn: () => void }} options
   */
  constructor({ bound, overflow, onOverflow, onTake, onReturn }) {
    this.bound = bound;
    this.overflow = overflow;
    this.onOverflow = onOverflow;
    this.onTake = onTake;
    this.onReturn = onReturn;
  }

  /** How many wait. */
  get length() {
    return this.#items.length - this.#first;
  }

  /** @param {T} item */
  push(item) {
    if (this.#end) return;
    const reader = this.#readers.shift();
    if (reader) return reader.resolve({ value: item, done: false });
    if (this.#dropped > 0) this.#dropped += 1;
    else if (this.length < this.bound) this.#items.push(item);
    else this.#overflow();
  }

  /** No more comes; what waits is still read. @param {Error | null} [error] */
  end(error = null) {
    if (this.#end) return;
    this.#end = { error };
    for (const reader of this.#readers.splice(0)) this.#settle(reader);
  }

  /** @returns {Promise<IteratorResult<any>>} */
  next() {
    if (this.#dropped > 0) {
      const value = { type: 'overflow', dropped: this.#dropped };
      this.#dropped = 0;
      // Asked for only now: a reader who is gone does not keep the server busy with snapshots.
      this.onOverflow();
      return Promise.resolve({ value, done: false });
    }
    if (this.length > 0) return Promise.resolve({ value: this.#take(), done: false });
    return new Promise((resolve, reject) => {
      if (this.#end) this.#settle({ resolve, reject });
      else this.#readers.push({ resolve, reject });
    });
  }

  /** @returns {Promise<IteratorResult<any>>} */
  return() {
    this.end();
    this.#clear();
    this.onReturn();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  #overflow() {
    const dropped = this.length + 1;
    this.#clear();
    if (this.overflow === 'resync') this.#dropped = dropped;
    else this.end(new Failure('overflow', `${dropped} messages waited for too slow a reader`));
  }

  #take() {
    const item = this.#items[this.#first];
    this.#first += 1;
    if (this.#first === this.#items.length) this.#clear();
    else if (this.#first > 1_000 && this.#first * 2 > this.#items.length) {
      this.#items.splice(0, this.#first);
      this.#first = 0;
    }
    this.onTake();
    return item;
  }

  #clear() {
    this.#items = [];
    this.#first = 0;
  }

  /** @param {{ resolve: (result: IteratorResult<any>) => void, reject: (e: Error) => void }} to */
  #settle({ resolve, reject }) {
    const error = this.#end?.error;
    if (error) reject(error);
    else resolve({ value: undefined, done: true });
  }
}
