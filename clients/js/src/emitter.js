// @ts-check
/** Listeners by name of event. A listener that throws is reported, and harms no other. */
export class Emitter {
  /** @type {Map<string, Set<(detail: any) => void>>} */
  #listeners = new Map();

  /**
   * Calls `listener` at each event of that name.
   * @param {string} name
   * @param {(detail: any) => void} listener
   * @returns {this}
   */
  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return this;
  }

  /**
   * Calls it no more.
   * @param {string} name
   * @param {(detail: any) => void} listener
   * @returns {this}
   */
  off(name, listener) {
    this.#listeners.get(name)?.delete(listener);
    return this;
  }

  /**
   * Calls it at the next event of that name, once.
   * @param {string} name
   * @param {(detail: any) => void} listener
   * @returns {this}
   */
  once(name, listener) {
    const first = (/** @type {any} */ detail) => {
      this.off(name, first);
      listener(detail);
    };
    return this.on(name, first);
  }

  /**
   * Tells everybody who listens.
   * @protected
   * @param {string} name
   * @param {any} detail
   */
  emit(name, detail) {
    const listeners = this.#listeners.get(name);
    if (!listeners) return;
    for (const listener of [...listeners]) {
      try {
        listener(detail);
      } catch (error) {
        report(error);
      }
    }
  }
}

/** @param {unknown} error */
function report(error) {
  // As an uncaught error of its own: seen by whoever looks, and the stream goes on.
  if (typeof globalThis.reportError === 'function') globalThis.reportError(error);
  else queueMicrotask(() => { throw error; });
}
