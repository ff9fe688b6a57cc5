// @ts-check
// A network between client and server that cuts, stalls, and blocks.
import { connect, createServer } from 'node:net';

export class Proxy {
  /** @type {Set<{ near: any, far: any }>} */
  #pairs = new Set();
  #isStalled = false;
  #left = Infinity;
  /** @type {(cut: unknown) => void} */
  #onCut = () => {};
  /** Requests whose head has this are cut off at once. @type {RegExp | null} */
  blocked = null;
  /** Requests whose head has this get no answer. @type {RegExp | null} */
  held = null;
  /** Connections that came. */
  count = 0;

  /** @param {number} port of the server */
  static async start(port) {
    const proxy = new Proxy();
    proxy.far = port;
    proxy.server = createServer((near) => proxy.#join(near));
    await new Promise((resolve) => proxy.server?.listen(0, '127.0.0.1', () => resolve(null)));
    return proxy;
  }

  /** @type {import('node:net').Server | null} */
  server = null;
  far = 0;

  get url() {
    const { port } = /** @type {any} */ (this.server?.address());
    return `http://127.0.0.1:${port}`;
  }

  /** Cuts all connections, in the midst of whatever they carry. */
  cut() {
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
    this.#pairs.clear();
    this.#left = Infinity;
  }

  /** Cuts all connections once so many more bytes came from the server. @param {number} bytes */
  cutAfter(bytes) {
    this.#left = Math.ceil(bytes);
    return new Promise((resolve) => { this.#onCut = resolve; });
  }

  /** Nothing of the server is taken any more. */
  stall() {
    this.#isStalled = true;
    for (const { far } of this.#pairs) far.pause();
  }

  flow() {
    this.#isStalled = false;
    for (const { far } of this.#pairs) far.resume();
  }

  /** Ends it, and whoever still comes. */
  close() {
    this.blocked = /^/;
    this.server?.close();
    this.cut();
  }

  /** @param {import('node:net').Socket} near */
  #join(near) {
    this.count += 1;
    const far = connect(this.far, '127.0.0.1');
    const pair = { near, far };
    this.#pairs.add(pair);
    near.on('data', (bytes) => {
      const head = bytes.toString('latin1');
      if (this.blocked?.test(head)) near.destroy();
      else if (!this.held?.test(head)) far.write(bytes);
    });
    far.on('data', (bytes) => {
      const sent = bytes.subarray(0, this.#left);
      this.#left -= sent.length;
      if (sent.length > 0 && !near.write(sent)) far.pause();
      // What was written so far still arrives; nothing after it does.
      if (this.#left === 0) setImmediate(() => this.#onCut(this.cut()));
    });
    near.on('drain', () => { if (!this.#isStalled) far.resume(); });
    for (const [one, other] of [[near, far], [far, near]]) {
      one.on('error', () => other.destroy());
      one.on('close', () => {
        other.destroy();
        this.#pairs.delete(pair);
      });
    }
  }
}
