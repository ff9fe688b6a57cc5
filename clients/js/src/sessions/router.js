// @ts-check
import { isPattern } from '../names.js';

/** @typedef {import('../subscription.js').Subscription} Subscription */
/** @typedef {{ subscriptions: Subscription[], conflated: boolean }} Route */

/** Which subscriptions of a client a stream of their one connection belongs to. */
export class Router {
  /** @type {Map<string, Route>} */
  #routes = new Map();

  /** @param {Set<Subscription>} subscriptions in the order in which they were subscribed */
  constructor(subscriptions) {
    this.subscriptions = subscriptions;
  }

  /** Subscriptions have changed. */
  clear() {
    this.#routes.clear();
  }

  /**
   * @param {string} channel
   * @param {string} symbol
   * @returns {Route}
   */
  route(channel, symbol) {
    const key = `${channel} ${symbol}`;
    let route = this.#routes.get(key);
    if (!route) this.#routes.set(key, (route = this.#find(channel, symbol)));
    return route;
  }

  /**
   * @param {string} channel
   * @param {string} symbol
   */
  #find(channel, symbol) {
    const of = (/** @type {Subscription} */ it) => it.channel === channel && it.covers(symbol);
    const subscriptions = [...this.subscriptions].filter(of);
    // The server sends it as the latest asked that names it exactly, else the latest pattern.
    const exact = subscriptions.filter((it) => it.names.has(symbol) && !isPattern(symbol));
    const owner = exact.at(-1) ?? subscriptions.at(-1);
    return { subscriptions, conflated: (owner?.conflateMs ?? 0) > 0 };
  }
}
