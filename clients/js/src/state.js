// @ts-check
/** Fields that say which message it was, and not how its stream stands. */
const ENVELOPE = new Set(['type', 'channel', 'symbol', 'prev', 'resumed']);
/** All that a `status` sets. */
const HEALTH = ['state', 'trading', 'since', 'reason'];

/**
 * How each stream stands, folded from the messages of one subscription. What is unknown is absent;
 * prices and sizes are strings with the venue's own digits.
 *
 * ```js
 * const states = new States();
 * subscription.on('message', (message) => paint(states.apply(message)));
 * ```
 */
export class States {
  /** @type {Map<string, any>} */
  #states = new Map();

  /** @param {string} symbol */
  get(symbol) {
    return this.#states.get(symbol);
  }

  /** Symbols and their states. */
  [Symbol.iterator]() {
    return this.#states.entries();
  }

  /** @param {string} symbol */
  delete(symbol) {
    return this.#states.delete(symbol);
  }

  /**
   * Folds one message in.
   * @param {any} message of data
   * @returns {any} how its stream stands now: a new object, so that the old
   *   one can be compared
   */
  apply(message) {
    const { symbol, type } = message;
    const state = type === 'snapshot' ? { symbol } : { ...this.#states.get(symbol) };
    if (type === 'status') for (const field of HEALTH) delete state[field];
    if (type === 'trade' || type === 'bar') replace(state);
    if (type === 'gap' || type === 'amend') state.seq = message.seq ?? message.to;
    else fold(state, message);
    this.#states.set(symbol, state);
    return state;
  }
}

/** A print and a bar are told whole: nothing of the one before stays. @param {any} state */
function replace(state) {
  for (const field of Object.keys(state)) {
    if (field !== 'symbol' && !HEALTH.includes(field)) delete state[field];
  }
}

/**
 * @param {any} state
 * @param {any} message
 */
function fold(state, message) {
  for (const [field, value] of Object.entries(message)) {
    if (ENVELOPE.has(field)) continue;
    if (value === null) delete state[field];
    else state[field] = value;
  }
}
