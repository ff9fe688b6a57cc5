// @ts-check
import { cursorOf, textOf } from '../cursor.js';
import { HttpSession } from './http.js';
import { Leg } from './leg.js';

/** How long a request may wait for a first message, in ms. */
const WAIT_MS = 25_000;
/** The least time between two requests, in ms: servers count what an address asks for. */
const PAUSE_MS = 200;
/** After a longer answer there may be more at once, in characters. */
const LONG = 15_000;
/** Messages of one answer, about. */
const LIMIT = 5_000;

/** Long polling, for each subscription. */
export class PollSession extends HttpSession {
  /** @param {import('./session.js').SessionHost} host */
  constructor(host) {
    super(host, { transport: 'poll', Leg: PollLeg });
  }
}

class PollLeg extends Leg {
  async run() {
    const { timeoutMs } = this.session.host.options;
    // The first answer says that this way is open: it comes at once.
    let waitMs = 0;
    while (!this.isStopped) {
      const begun = performance.now();
      const cursor = this.cursor ? textOf(this.cursor) : undefined;
      const params = this.params({ cursor, wait_ms: waitMs, limit: LIMIT });
      const ask = { params, timeoutMs: waitMs + timeoutMs };
      const { response, done } = await this.ask('/v1/poll', ask);
      const text = await response.text().finally(done);
      this.session.host.count(text.length);
      this.#answer(JSON.parse(text));
      waitMs = WAIT_MS;
      const left = text.length < LONG ? PAUSE_MS - (performance.now() - begun) : 0;
      if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
    }
  }

  /** @param {any} answer */
  #answer(answer) {
    if (this.isStopped) return;
    const isFirst = this.cursor === (this.asked.from ?? null);
    if (isFirst || !answer.resumed) this.of.accepted(this.asked, answer);
    this.session.answered(this);
    for (const message of answer.messages) this.read(message);
    if (this.isStopped) return;
    this.cursor = cursorOf(answer.cursor);
    this.session.advanced(this);
  }
}
