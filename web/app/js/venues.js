// @ts-check
// The venues: how their feeds are, asked every other second while the page is seen.

const EVERY_MS = 2000;
const SOON_MS = 100;

/** Asks how the feeds are. */
export class Venues {
  /** @type {any} */
  #soon = null;

  /** @param {any} client @param {import('./header.js').Header} header */
  constructor(client, header) {
    this.client = client;
    this.header = header;
    this.#ask();
    setInterval(() => {
      if (!document.hidden) this.#ask();
    }, EVERY_MS);
  }

  /** Something was said of a feed: how they are is asked at once, once for all that is said. */
  soon() {
    this.#soon ??= setTimeout(() => {
      this.#soon = null;
      this.#ask();
    }, SOON_MS);
  }

  async #ask() {
    try {
      const { venues } = await this.client.get('/v1/venues');
      this.header.setVenues(venues);
    } catch {
      // Without an answer the chips stay as they are: the connection's own chip says why.
    }
  }
}
