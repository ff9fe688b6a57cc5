// @ts-check
import { Failure } from '../failure.js';
import { Watch } from '../watch.js';
import { Access } from './access.js';
import { Ops } from './ops.js';
import { Socket } from './socket.js';

/**
 * @typedef {import('./session.js').SessionHost} SessionHost
 *
 * @typedef {object} ReelHost whom the connection of a replay tells
 * @property {() => void} ready operations may be sent
 * @property {(message: any) => void} told data, `position`, and what else is no answer
 * @property {(end: import('./end.js').End) => void} ended
 */

/** One connection of a replay: operations and their answers. */
export class Reel {
  /** @type {any} */
  welcome = null;
  isReady = false;
  #id = 0;
  /** @type {Map<number, { resolve: (answer: any) => void, reject: (e: Failure) => void }>} */
  #asked = new Map();
  /** @type {Watch | null} */
  #watch = null;

  /**
   * @param {SessionHost} client
   * @param {ReelHost} host
   */
  constructor(client, host) {
    this.client = client;
    this.host = host;
    this.socket = new Socket(client.address.ws('/v1/replay'), {
      WebSocket: client.options.WebSocket,
      timeoutMs: client.options.timeoutMs,
      onMessage: (message, bytes) => this.#read(message, bytes),
      onEnd: (end) => {
        this.#stop(end);
        host.ended(end);
      },
    });
    this.ops = new Ops((text) => this.socket.send(text), 20);
    this.access = new Access(client, (op) => this.ops.push(op), (end) => this.socket.end(end));
  }

  /**
   * Sends an operation.
   * @param {Record<string, any>} op
   * @returns {Promise<any>} its answer; a {@link Failure} if it was refused
   */
  ask(op) {
    const id = (this.#id += 1);
    const answer = new Promise((resolve, reject) => this.#asked.set(id, { resolve, reject }));
    this.ops.push({ ...op, id });
    return answer;
  }

  close() {
    this.#stop({ code: 'closed', reason: 'by this client' });
    this.socket.end(null);
  }

  /**
   * @param {any} message
   * @param {number} bytes
   */
  #read(message, bytes) {
    this.client.count(bytes);
    this.#watch?.seen();
    if (message.type === 'welcome') return void this.#welcomed(message);
    if (message.type === 'auth') return this.access.granted(message);
    if (message.type === 'error') return this.#error(message);
    const asked = this.#asked.get(message.id);
    // A position is told also when it answers: everybody wants to know where it stands.
    if (!asked || message.type === 'position') this.host.told(message);
    if (!asked) return;
    this.#asked.delete(message.id);
    asked.resolve(message);
  }

  /** @param {any} welcome */
  async #welcomed(welcome) {
    this.welcome = welcome;
    this.ops.perSecond = Math.max(1, Math.floor(welcome.limits.ops_per_s / 2));
    const { staleMs = Math.max(2_000, 2.5 * welcome.heartbeat_ms) } = this.client.options;
    const silent = { code: 'silent', reason: `nothing came for ${Math.round(staleMs)} ms` };
    this.#watch = new Watch(staleMs, () => this.socket.end(silent));
    if (welcome.auth !== 'none' && !(await this.access.show())) return;
    this.isReady = true;
    this.host.ready();
  }

  /** @param {any} message */
  #error(message) {
    const failure = new Failure(message.code, message.message, message);
    const asked = this.#asked.get(message.id);
    if (asked) {
      this.#asked.delete(message.id);
      asked.reject(failure);
    } else if (!this.access.refused(failure)) this.host.told(failure);
  }

  /** @param {{ code: string, reason: string }} end */
  #stop({ code, reason }) {
    this.#watch?.stop();
    this.ops.stop();
    this.access.stop();
    for (const { reject } of this.#asked.values()) reject(new Failure(code, reason));
    this.#asked.clear();
  }
}
