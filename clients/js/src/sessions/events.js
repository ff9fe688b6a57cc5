// @ts-check
/** An event that does not end is given up at so many characters. */
const LONGEST = 16 * 1024 * 1024;

/** @typedef {{ data: string, id: string | null, retryMs: number | null }} Event one of a stream */

/** Server-Sent Events (WHATWG HTML §9.2.6) out of text that comes in pieces. */
export class Events {
  #rest = '';
  #size = 0;
  /** @type {string[]} */
  #data = [];
  /** @type {string | null} */
  #id = null;
  /** @type {number | null} */
  #retryMs = null;

  /**
   * @param {string} text the next piece
   * @returns {Generator<Event>} the events that are whole now
   */
  *push(text) {
    this.#size += text.length;
    if (this.#size > LONGEST) throw new RangeError(`an event of more than ${LONGEST} characters`);
    let whole = this.#rest + text;
    // Half of a CR LF, perhaps.
    const cut = whole.endsWith('\r') ? whole.length - 1 : whole.length;
    const lines = whole.slice(0, cut).split(/\r\n|\n|\r/);
    this.#rest = lines.pop() + whole.slice(cut);
    for (const line of lines) {
      if (line !== '') this.#field(line);
      else if (this.#data.length > 0) yield this.#event();
    }
  }

  #event() {
    const event = { data: this.#data.join('\n'), id: this.#id, retryMs: this.#retryMs };
    [this.#data, this.#id, this.#retryMs, this.#size] = [[], null, null, this.#rest.length];
    return event;
  }

  /** @param {string} line */
  #field(line) {
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') this.#data.push(value);
    else if (name === 'id') this.#id = value;
    else if (name === 'retry' && /^\d+$/.test(value)) this.#retryMs = Number(value);
  }
}
