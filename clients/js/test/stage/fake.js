// @ts-check
// A server in a hand's breadth: what a client sends is kept, what it gets is said by the test.

export class FakeSocket {
  /** All that were opened, the latest last. @type {FakeSocket[]} */
  static opened = [];
  readyState = 1;
  /** @type {any[]} */
  ops = [];
  /** @type {any} */
  onmessage = null;
  /** @type {any} */
  onclose = null;
  /** @type {number | null} */
  closedWith = null;

  /** @param {string} url */
  constructor(url) {
    this.url = url;
    FakeSocket.opened.push(this);
  }

  /** @param {string} text */
  send(text) {
    this.ops.push(JSON.parse(text));
  }

  /** @param {number} code */
  close(code) {
    this.closedWith = code;
  }

  /** @param {any} message */
  say(message) {
    this.onmessage?.({ data: typeof message === 'string' ? message : JSON.stringify(message) });
  }

  /** @param {object} [more] */
  welcome(more = {}) {
    const limits = { message_bytes: 65_536, ops_per_s: 50 };
    const fixed = { type: 'welcome', epoch: 'k', seq: 100, heartbeat_ms: 60_000, auth: 'none' };
    this.say({ ...fixed, limits, ...more });
  }

  /** Answers the last subscribe. @param {object} [more] */
  answer(more = {}) {
    const { id, channel, symbols } = this.ops.findLast(({ op }) => op === 'subscribe');
    const fixed = { patterns: [], pending: [], rejected: [], resumed: false };
    this.say({ type: 'subscribed', id, channel, symbols, ...fixed, ...more });
  }

  /** @param {number} code */
  drop(code = 1006) {
    this.onclose?.({ code, reason: '' });
  }

  /** Subscribes that were sent. */
  get subscribes() {
    return this.ops.filter(({ op }) => op === 'subscribe');
  }

  static get last() {
    return /** @type {FakeSocket} */ (FakeSocket.opened.at(-1));
  }
}
