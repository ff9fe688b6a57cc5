// @ts-check
// The connection: how it stands is always said, never hidden.

import { alertOut, speakOut } from './speech.js';
import { say } from './words.js';

/** News of one break are gathered this long, as each stream has its own. */
const GATHER_MS = 400;

/** Tells people how the connection is. */
export class Connection {
  /** The last place that was heard of. */
  seq = 0;
  #resynced = 0;
  #missed = 0;
  /** @type {any} */
  #timer = null;
  #wasLive = false;
  #brokeAt = NaN;
  /** What waits to ask again. @type {Set<() => void>} */
  #asking = new Set();
  /** Streams before a break, to tell how much came after it. */
  #seqAtBreak = 0;

  /**
   * @param {any} client
   * @param {{ banner: import('./banner.js').Banner, access: import('./access.js').Access,
   *   meter: import('./meter.js').Meter }} parts
   */
  constructor(client, { banner, access, meter }) {
    this.client = client;
    this.banner = banner;
    this.access = access;
    this.meter = meter;
    client.on('state', (/** @type {any} */ state) => this.#state(state));
    client.on('heartbeat', (/** @type {any} */ { seq }) => this.note(seq));
    client.on('service', (/** @type {any} */ message) => this.#service(message));
    client.on('error', (/** @type {any} */ error) => this.refused(error));
  }

  /** A place on the tape was heard of. @param {number | undefined} seq */
  note(seq) {
    if (seq !== undefined && seq > this.seq) this.seq = seq;
  }

  /** Asks until there is an answer. @param {string} path @param {Record<string, any>} [params] */
  async ask(path, params) {
    for (let wait = 500; ; wait = Math.min(wait * 2, 10_000)) {
      try {
        return await this.client.get(path, params);
      } catch (error) {
        this.refused(error);
        await this.#rest(wait);
      }
    }
  }

  /** Waits so long, or until there is another token. @param {number} ms */
  #rest(ms) {
    return new Promise((resolve) => {
      const go = () => {
        clearTimeout(timer);
        this.#asking.delete(go);
        resolve(undefined);
      };
      const timer = setTimeout(go, ms);
      this.#asking.add(go);
    });
  }

  #showToken() {
    this.client.retry();
    for (const go of [...this.#asking]) go();
  }

  /** A stream began anew. @param {any} message */
  resynced({ missed }) {
    this.#resynced += 1;
    this.#missed += missed ?? 0;
    this.#gather();
  }

  /** The server left something out, as this browser is too slow. */
  slowed() {
    const count = Math.round(this.meter.received.perSecond);
    this.banner.tell(say('slow', { count }));
  }

  /** Something was refused. @param {any} error */
  refused(error) {
    const { code, message } = error;
    if (code === 'unauthorized' || code === 'token_expired') {
      this.access.ask(message, () => this.#showToken());
    } else if (code !== 'unreachable') alertOut(`${code}: ${message}`);
  }

  /** @param {any} state */
  #state({ state, attempt, retryInMs, code, reason, transport }) {
    if (state === 'live') this.#lived(transport);
    else if (state === 'closed') {
      this.banner.warn(say('closed', { reason: reason ?? code ?? '' }));
      if (code === 'unauthorized' || code === 'token_expired')
        this.refused({ code, message: reason });
    } else if (state === 'waiting' && retryInMs !== null) {
      this.#broke();
      if (code === 'unauthorized') this.refused({ code, message: reason ?? '' });
      const due = Date.now() + retryInMs;
      // An end without a word has nothing that people could read.
      const why = reason === 'closed with 1006' ? '' : (reason ?? '');
      this.banner.wait({ attempt: attempt + 1, due, last: this.meter.last, reason: why });
    } else if (state === 'connecting' && this.#wasLive) this.#broke();
  }

  #broke() {
    if (!Number.isNaN(this.#brokeAt)) return;
    this.#brokeAt = Date.now();
    this.#seqAtBreak = this.seq;
    speakOut(say('said.lost'));
  }

  /** @param {string} transport */
  #lived(transport) {
    if (this.#wasLive && !Number.isNaN(this.#brokeAt)) this.#gather();
    else this.banner.hide();
    if (!this.#wasLive && !Number.isNaN(this.#brokeAt)) {
      this.#brokeAt = NaN;
      speakOut(say('said.live'));
    }
    if (!this.#wasLive && transport !== 'ws')
      this.banner.tell(say(`fell.${/** @type {'sse'} */ (transport)}`));
    this.#wasLive = true;
    document.body.dataset.was = 'live';
  }

  /** Says after a break what became of it. */
  #gather() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const wasBreak = !Number.isNaN(this.#brokeAt);
      const seconds = ((Date.now() - this.#brokeAt) / 1000).toFixed(0);
      const count = Math.max(0, this.seq - this.#seqAtBreak);
      const key = this.#resynced > 0 ? 'resynced' : 'recovered';
      if (wasBreak || this.#resynced > 0) {
        const text = say(key, { count: this.#resynced || count, seconds: wasBreak ? seconds : 0 });
        this.banner.tell(text);
        speakOut(text);
      }
      this.#brokeAt = NaN;
      this.#resynced = this.#missed = 0;
    }, GATHER_MS);
  }

  /** @param {any} message */
  #service({ state, reason }) {
    if (state === 'ok') this.banner.tell(say('service.ok'));
    else this.banner.warn(say('service', { state, reason: reason ?? '' }));
  }
}
