// @ts-check
// A real server as a child process: the program that TICKWIRE_BIN names, on a tape of its own.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const program = process.env.TICKWIRE_BIN;

/** The option of a test that needs the program. */
export const needsServer = { skip: program ? false : 'needs TICKWIRE_BIN, the server\'s program' };

export class Server {
  log = '';
  /** @type {any} */
  #child = null;
  #dir = '';
  #port = 0;

  /** @param {Record<string, string | number>} settings dotted keys and their values */
  constructor(settings) {
    this.settings = settings;
  }

  /** @param {Record<string, string | number>} [settings] */
  static async start(settings = {}) {
    const server = new Server(settings);
    server.#dir = await mkdtemp(join(tmpdir(), 'tickwire-js-'));
    await server.begin();
    return server;
  }

  get port() {
    return this.#port;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Begins another life, on the same tape and port. */
  async begin() {
    const env = { ...process.env, NO_COLOR: '1', TICKWIRE__HTTP__WORKERS: '2' };
    const settings = {
      'http.listen': `127.0.0.1:${this.#port}`,
      'tape.dir': join(this.#dir, 'tape'),
      'tape.segment_bytes': '4MiB',
      'http.reconnect_spread_ms': 100,
      'stream.heartbeat_ms': 100,
      ...this.settings,
    };
    for (const [key, value] of Object.entries(settings)) {
      env[`TICKWIRE__${key.toUpperCase().replaceAll('.', '__')}`] = String(value);
    }
    const stdio = /** @type {any} */ (['ignore', 'ignore', 'pipe']);
    this.#child = spawn(/** @type {string} */ (program), [], { env, stdio });
    process.once('exit', () => this.#child.kill('SIGKILL'));
    const lines = createInterface({ input: this.#child.stderr });
    await new Promise((resolve, reject) => {
      lines.on('line', (line) => {
        this.log += `${line}\n`;
        const port = /(?:serving|listening).*127\.0\.0\.1:(\d+)/.exec(line)?.[1];
        if (port) resolve((this.#port = Number(port)));
      });
      this.#child.on('exit', (code) => reject(new Error(`it ended with ${code}:\n${this.log}`)));
    });
    await this.#ready();
  }

  /** A figure of `/metrics`, of all workers together. @param {string} name */
  async metric(name) {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith(`tickwire_${name}`));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** @param {NodeJS.Signals} signal */
  async end(signal) {
    const child = this.#child;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  /** Ends it for good. */
  async close() {
    await this.end('SIGKILL');
    await rm(this.#dir, { recursive: true, force: true });
    if (this.log.includes('panicked')) throw new Error(this.log);
  }

  async #ready() {
    for (let tries = 0; tries < 500; tries += 1) {
      const response = await fetch(`${this.url}/readyz`).catch(() => null);
      if (response?.status === 200) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`it is not ready:\n${this.log}`);
  }
}
