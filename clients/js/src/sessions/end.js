// @ts-check
/**
 * @typedef {object} End why a session is over
 * @property {string} code as in PROTOCOL.md (`shutdown`, `too_slow`, `unauthorized`, …), or
 *   `unreachable`, `timeout`, `silent`, `cut`
 * @property {string} reason in words
 * @property {number | null} [closeCode] of a WebSocket
 * @property {number | null} [retryInMs] when to come back, if the server said so
 */

/** Close codes of PROTOCOL.md §2 by their names there. @type {Record<number, string>} */
const CODES = {
  1002: 'protocol',
  1003: 'protocol',
  1007: 'protocol',
  1009: 'message_too_large',
  4000: 'shutdown',
  4001: 'token_expired',
  4008: 'too_slow',
  4010: 'unauthorized',
  4029: 'rate_limited',
  4401: 'unauthorized',
  4403: 'forbidden',
  4429: 'rate_limited',
};

/** Who comes back at once after these is turned away again. */
const PATIENT = new Set(['unauthorized', 'forbidden', 'rate_limited', 'protocol']);

/** The least wait after those, in ms. */
const PATIENCE_MS = 30_000;

/**
 * @param {number} closeCode
 * @param {string} reason
 * @returns {End}
 */
export function endOf(closeCode, reason) {
  const code = CODES[closeCode] ?? 'cut';
  return { code, reason: reason || `closed with ${closeCode}`, closeCode };
}

/**
 * The wait before the next attempt.
 * @param {End} end
 * @param {number} backoffMs
 * @returns {number}
 */
export function waitAfter(end, backoffMs) {
  if (typeof end.retryInMs === 'number') return Math.max(end.retryInMs, 0);
  return PATIENT.has(end.code) ? Math.max(PATIENCE_MS, backoffMs) : backoffMs;
}
