// @ts-check
/**
 * @typedef {object} ClientOptions
 * @property {string} [token] shown where the server asks for one: a JWT or an API key
 * @property {() => string | Promise<string>} [getToken] asked for a token at each connection, and
 *   in time before one expires
 * @property {('ws' | 'sse' | 'poll')[]} [transports] ways in, the best first
 * @property {{ minMs?: number, maxMs?: number, random?: () => number }} [backoff] waits between
 *   attempts: 250 ms to 20 s if absent
 * @property {any} [WebSocket] the implementation; where there is none (Node 20), that of `ws`
 * @property {typeof fetch} [fetch]
 * @property {number} [timeoutMs] for an answer to the first request of a connection; 10,000
 * @property {number} [staleMs] silence after which a connection counts as dead; by default 2.5
 *   times the server's heartbeat, at least 2 s
 * @property {number} [pingMs] time between measurements of the round trip; 10,000
 * @property {number} [fallAfter] attempts in a row that fail before the next way is tried; 2
 * @property {number} [betterMs] time until a better way is tried again, doubling to 5 min; 15,000
 *
 * @typedef {ReturnType<typeof optionsOf>} Options
 */

/** @param {ClientOptions} options */
export function optionsOf(options) {
  const { fetch: fetching = globalThis.fetch, backoff = {} } = options;
  return {
    token: options.token ?? null,
    getToken: options.getToken ?? null,
    transports: usable(options),
    backoff: { minMs: 250, maxMs: 20_000, random: Math.random, ...backoff },
    WebSocket: options.WebSocket ?? globalThis.WebSocket,
    // Browsers want their own `this`.
    fetch: /** @type {typeof fetch} */ ((input, init) => fetching(input, init)),
    timeoutMs: options.timeoutMs ?? 10_000,
    staleMs: options.staleMs,
    pingMs: options.pingMs ?? 10_000,
    fallAfter: options.fallAfter ?? 2,
    betterMs: options.betterMs ?? 15_000,
  };
}

/** @param {ClientOptions} options */
function usable({ transports = ['ws', 'sse', 'poll'], WebSocket = globalThis.WebSocket }) {
  const known = ['ws', 'sse', 'poll'];
  const unknown = transports.find((name) => !known.includes(name));
  if (unknown) throw new TypeError(`no such transport: ${unknown}; there are ${known.join(', ')}`);
  const list = transports.filter((name) => name !== 'ws' || WebSocket);
  if (list.length === 0) {
    throw new TypeError('no WebSocket here: pass one, as { WebSocket } of the package ws');
  }
  return list;
}
