// @ts-check
import { endOf } from './end.js';

/** @typedef {import('./end.js').End} End */

/** One WebSocket of the protocol: JSON messages in, JSON texts out, and one end. */
export class Socket {
  /** @type {WebSocket} */
  #socket;
  /** @type {any} */
  #timer;
  /** @type {any} */
  #closing = null;
  #isOver = false;
  #trouble = '';

  /**
   * @param {string} url
   * @param {{ WebSocket: any, timeoutMs: number, onMessage: (message: any, bytes: number) => void,
   *   onEnd: (end: End) => void }} options
   */
  constructor(url, { WebSocket, timeoutMs, onMessage, onEnd }) {
    this.onMessage = onMessage;
    this.onEnd = onEnd;
    const socket = new WebSocket(url, ['tickwire.v1.json']);
    this.#socket = socket;
    const late = () => this.end({ code: 'timeout', reason: `no welcome within ${timeoutMs} ms` });
    this.#timer = setTimeout(late, timeoutMs);
    socket.onmessage = (/** @type {MessageEvent} */ event) => this.#read(event.data);
    socket.onclose = (/** @type {CloseEvent} */ event) => this.#closed(event);
    // What went wrong, a browser does not say; the close that follows ends it.
    socket.onerror = (/** @type {any} */ event) => { this.#trouble = event.message ?? ''; };
  }

  /** @param {string} text */
  send(text) {
    if (this.#socket.readyState === 1) this.#socket.send(text);
  }

  /**
   * Ends it from this side. What comes after is not heard.
   * @param {End | null} end told to `onEnd`, if any
   */
  end(end) {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#socket.onmessage = null;
    this.#socket.close(1000);
    if (end) this.onEnd(end);
  }

  /** @param {any} data */
  #read(data) {
    if (this.#isOver || typeof data !== 'string') return;
    /** @type {any} */
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return this.end({ code: 'protocol', reason: `no JSON: ${data.slice(0, 80)}` });
    }
    if (message.type === 'welcome') clearTimeout(this.#timer);
    if (message.type === 'closing') this.#closing = message;
    this.onMessage(message, data.length);
  }

  /** @param {CloseEvent} event */
  #closed({ code, reason }) {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    const end = endOf(code, reason || this.#trouble);
    if (this.#closing) {
      end.code = this.#closing.code;
      end.retryInMs = this.#closing.reconnect_ms ?? null;
    }
    this.onEnd(end);
  }
}
