// @ts-check
// What a client was told, beside what another one heard that nothing ever happened to.
import assert from 'node:assert/strict';
import WebSocket from 'ws';

class Heard {
  /** Each stream's messages as they came. @type {Map<string, string[]>} */
  streams = new Map();

  /** The last place of all streams. */
  get seq() {
    let last = 0;
    for (const texts of this.streams.values()) last = Math.max(last, seqOf(texts.at(-1) ?? '{}'));
    return last;
  }
}

/** Another connection, without this client's code. */
export class Witness extends Heard {
  #beat = 0;

  /**
   * @param {string} url
   * @param {{ channels: string[], symbols: string[] }} what
   */
  constructor(url, { channels, symbols }) {
    super();
    this.socket = new WebSocket(`${url.replace('http', 'ws')}/v1/stream`, ['tickwire.v1.json']);
    this.ready = new Promise((resolve) => {
      this.socket.on('open', () => {
        for (const channel of channels) {
          const op = { op: 'subscribe', channel, symbols, slow: 'spill' };
          this.socket.send(JSON.stringify(op));
        }
      });
      this.socket.on('message', (data) => {
        const text = String(data);
        const { channel, symbol, type, seq } = JSON.parse(text);
        if (type === 'heartbeat') resolve((this.#beat = seq));
        if (symbol) listIn(this.streams, `${channel} ${symbol}`).push(text);
      });
    });
  }

  /** Waits until it has everything up to a place. @param {number} seq */
  async reaches(seq) {
    await eventually('the witness has all of it', () => this.#beat > seq);
  }

  close() {
    this.socket.close();
  }
}

/** All that a client told of some subscriptions. */
export class Told extends Heard {
  /** @type {any[]} */
  resyncs = [];

  /** @param {import('../../src/outlet.js').Outlet[]} sources */
  constructor(...sources) {
    super();
    for (const source of sources) {
      source.on('message', (message) => {
        if (message.type === 'resync') this.resyncs.push(message);
        else {
          const { channel, symbol } = message;
          listIn(this.streams, `${channel} ${symbol}`).push(JSON.stringify(message));
        }
      });
    }
  }
}

/**
 * Every message of every stream that both were there for is the same, byte for byte.
 * @param {Told} told
 * @param {Witness | Told} witness
 * @returns {number} messages that were compared
 */
export function same(told, witness) {
  assert.deepEqual(told.resyncs, []);
  let compared = 0;
  for (const [stream, texts] of told.streams) {
    const heard = witness.streams.get(stream) ?? [];
    assert.ok(texts[0].includes('"snapshot"'), `${stream} begins with ${texts[0]}`);
    const from = Math.max(seqOf(texts[0]), seqOf(heard[0]));
    const to = Math.min(seqOf(texts.at(-1)), seqOf(heard.at(-1)));
    const [mine, theirs] = [texts, heard].map((list) => between(list, from, to));
    if (mine.join('\n') !== theirs.join('\n')) assert.deepEqual(mine, theirs, stream);
    compared += mine.length;
  }
  return compared;
}

/**
 * @param {string[]} texts
 * @param {number} from
 * @param {number} to
 */
const between = (texts, from, to) =>
  texts.slice(1).filter((text) => seqOf(text) > from && seqOf(text) <= to);

/** @param {string | undefined} text */
export const seqOf = (text) => Number(/"seq":(\d+)/.exec(text ?? '')?.[1] ?? 0);

/**
 * Waits until something is so.
 * @param {string} what
 * @param {() => any} isSo
 * @param {number} [longestMs]
 */
export async function eventually(what, isSo, longestMs = 20_000) {
  const until = performance.now() + longestMs;
  while (!(await isSo())) {
    if (performance.now() > until) throw new Error(`not within ${longestMs} ms: ${what}`);
    await pause(10);
  }
}

/** @param {number} ms */
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * @template K, V
 * @param {Map<K, V[]>} map
 * @param {K} key
 * @returns {V[]}
 */
function listIn(map, key) {
  const list = map.get(key) ?? [];
  map.set(key, list);
  return list;
}
