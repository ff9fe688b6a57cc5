// @ts-check
/** @typedef {import('./subscription.js').Cursor} Cursor */

/**
 * A cursor as it stands in URLs and ids.
 * @param {Cursor} cursor
 * @returns {string}
 */
export const textOf = ({ epoch, seq }) => `${epoch}:${seq}`;

/**
 * @param {string} text `epoch:seq`
 * @returns {Cursor}
 */
export function cursorOf(text) {
  const colon = text.lastIndexOf(':');
  return { epoch: text.slice(0, colon), seq: Number(text.slice(colon + 1)) };
}
