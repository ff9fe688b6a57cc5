// @ts-check
/** Where a server is: its URLs for each way in, made from any one of them. */
export class Address {
  #base;

  /** @param {string | URL} text `/v1/stream`, `ws://h:p/v1/stream`, `https://h/below/`, … */
  constructor(text) {
    const page = globalThis.location?.href;
    const base = new URL(text, page);
    base.protocol = base.protocol.replace(/^ws/, 'http');
    if (!/^https?:$/.test(base.protocol)) throw new TypeError(`no http or ws URL: ${text}`);
    base.pathname = base.pathname.replace(/(\/v1(\/[a-z]*)?)?\/*$/, '/');
    base.search = '';
    base.hash = '';
    this.#base = base;
  }

  /**
   * @param {string} path as `/v1/symbols`
   * @param {Record<string, any>} [params] lists with commas between, times as RFC 3339
   * @returns {string}
   */
  http(path, params = {}) {
    const url = new URL(path.replace(/^\/+/, ''), this.#base);
    for (const [key, value] of Object.entries(params)) {
      if (value !== undefined && value !== null) url.searchParams.set(key, textOf(value));
    }
    return url.href;
  }

  /**
   * @param {string} path as `/v1/stream`
   * @returns {string}
   */
  ws(path) {
    return this.http(path).replace(/^http/, 'ws');
  }
}

/** @param {any} value */
function textOf(value) {
  if (Array.isArray(value)) return value.join(',');
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'object') return `${value.epoch}:${value.seq}`;
  return String(value);
}
