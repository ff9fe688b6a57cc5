// @ts-check
/**
 * What the server refused, or what went wrong on the way: `code` is one of PROTOCOL.md, or
 * `unreachable`, `timeout`, `overflow`, `closed`.
 */
export class Failure extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{ status?: number, retry?: boolean, retryInMs?: number | null, symbol?: string,
   *   id?: number | string }} [more]
   */
  constructor(code, message, more = {}) {
    super(message);
    this.name = 'Failure';
    this.type = 'error';
    this.code = code;
    /** The HTTP status, if it was an answer by HTTP. */
    this.status = more.status ?? null;
    /** Whether the same request may succeed later. */
    this.retry = more.retry ?? false;
    /** When to ask again, if the server said so. */
    this.retryInMs = more.retryInMs ?? null;
    /** The symbol or pattern that was refused, if it was a single one. */
    this.symbol = more.symbol ?? null;
  }
}
