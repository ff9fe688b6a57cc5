// @ts-check
import { Emitter } from './emitter.js';
import { Queue } from './queue.js';

/**
 * @typedef {object} OutletOptions
 * @property {number} [queue] messages that may wait for one `for await`
 * @property {'resync' | 'throw'} [overflow] what happens beyond that: `resync` (default) empties
 *   the queue, says so by `{ type: 'overflow', dropped }`, and has the streams begin anew; `throw`
 *   ends the loop with an error
 */

/** Tells messages to listeners, and to each `for await` through a bounded queue of its own. */
export class Outlet extends Emitter {
  /** @type {Set<Queue<any>>} */
  #queues = new Set();
  #bound;
  #overflow;
  closed = false;

  /** @param {OutletOptions} options */
  constructor({ queue = 10_000, overflow = 'resync' }) {
    super();
    this.#bound = queue;
    this.#overflow = overflow;
  }

  /**
   * All messages from now on: data, `resync`, `error` and `overflow`, told apart by `type`.
   * @returns {AsyncIterableIterator<any>}
   */
  [Symbol.asyncIterator]() {
    const queue = new Queue({
      bound: this.#bound,
      overflow: this.#overflow,
      onOverflow: () => this.overflowed(),
      onTake: () => this.taken(),
      onReturn: () => {
        this.#queues.delete(queue);
        this.taken();
      },
    });
    if (this.closed) queue.end();
    else this.#queues.add(queue);
    return queue;
  }

  /** The most that waits for one loop. @protected */
  get waiting() {
    let most = 0;
    for (const queue of this.#queues) most = Math.max(most, queue.length);
    return most;
  }

  /** @protected @param {any} message */
  tell(message) {
    this.emit(message.type, message);
    if (message.symbol && message.channel) this.emit('message', message);
    for (const queue of this.#queues) queue.push(message);
  }

  /** Loops end once they have read what came before. @protected @param {Error | null} error */
  endLoops(error) {
    for (const queue of this.#queues) queue.end(error);
    this.#queues.clear();
  }

  /** A loop lost messages, and reads on. @protected */
  overflowed() {}

  /** A loop has read one, or ended. @protected */
  taken() {}
}
