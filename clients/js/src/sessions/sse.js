// @ts-check
import { cursorOf, textOf } from '../cursor.js';
import { Failure } from '../failure.js';
import { Watch } from '../watch.js';
import { Events } from './events.js';
import { HttpSession } from './http.js';
import { Leg } from './leg.js';

/** The longest silence of a server whose heartbeat is not known yet, in ms. */
const SILENCE_MS = 150_000;

/** A stream of Server-Sent Events for each subscription. */
export class SseSession extends HttpSession {
  /** @param {import('./session.js').SessionHost} host */
  constructor(host) {
    super(host, { transport: 'sse', Leg: SseLeg });
  }
}

class SseLeg extends Leg {
  /** @type {Watch | null} */
  #watch = null;
  #beatAt = 0;
  /** The longest time between two heartbeats. */
  #beatMs = 0;

  async run() {
    const { timeoutMs } = this.session.host.options;
    const from = this.cursor ? textOf(this.cursor) : undefined;
    const params = this.params({ from });
    // The time is up only when the first event is there: a proxy may hold the answer back.
    const { response, done } = await this.ask('/v1/sse', { params, timeoutMs });
    try {
      await this.#follow(response, done);
    } finally {
      done();
      this.#watch?.stop();
    }
    const reason = 'the answer ended without a word';
    if (!this.isStopped) this.session.end({ code: 'cut', reason });
  }

  stop() {
    super.stop();
    this.#watch?.stop();
  }

  /**
   * @param {Response} response
   * @param {() => void} done
   */
  async #follow(response, done) {
    const { staleMs = SILENCE_MS } = this.session.host.options;
    const silent = { code: 'silent', reason: 'nothing came for too long' };
    this.#watch = new Watch(staleMs, () => this.session.end(silent));
    const events = new Events();
    const decoder = new TextDecoder();
    const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
    for (;;) {
      const { value, done: isOver } = await reader.read();
      if (isOver || this.isStopped) return;
      this.#watch.seen();
      for (const event of events.push(decoder.decode(value, { stream: true }))) {
        this.#event(event);
        done();
      }
    }
  }

  /** @param {import('./events.js').Event} event */
  #event({ data, id }) {
    this.session.host.count(data.length);
    const message = parsed(data);
    if (message.type === 'subscribed') {
      this.of.accepted(this.asked, message);
      this.session.answered(this);
    }
    if (message.type === 'heartbeat') this.#beat();
    this.read(message);
    if (!id || this.isStopped) return;
    this.cursor = cursorOf(id);
    this.session.advanced(this);
  }

  /** Learns what silence is too long. */
  #beat() {
    const now = performance.now();
    if (this.#beatAt > 0) this.#beatMs = Math.max(this.#beatMs, now - this.#beatAt);
    this.#beatAt = now;
    const isTold = this.session.host.options.staleMs !== undefined;
    if (this.#beatMs === 0 || isTold || !this.#watch) return;
    this.#watch.longestMs = Math.max(2_000, 2.5 * this.#beatMs);
  }
}

/** @param {string} data */
function parsed(data) {
  try {
    return JSON.parse(data);
  } catch {
    throw new Failure('internal', `no JSON: ${data.slice(0, 80)}`, { retry: true });
  }
}
