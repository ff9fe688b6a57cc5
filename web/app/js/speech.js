// @ts-check
// What is said to those who listen to the screen: on demand, and when the connection changes.

import { find, setText } from './node.js';
import { split } from './row.js';
import { say, term } from './words.js';

/** Says something politely; the same text again is said again. @param {string} text */
export function speakOut(text) {
  const node = find('said');
  setText(node, node.textContent === text ? `${text}\u00a0` : text);
}

/** Says something at once. @param {string} text */
export function alertOut(text) {
  setText(find('alert'), text);
}

/**
 * A ticker in a sentence.
 * @param {import('./ticker.js').Ticker} ticker
 * @param {{ figures: import('./figures.js').Figures, now: number }} look
 */
export function sentence(ticker, { figures, now }) {
  const name = split(ticker.symbol)[1];
  const price = figures.price(ticker.fields.last, ticker.places);
  if (price === '') return say('said.unknown', { name });
  const points = ticker.change ?? 0;
  const percent = figures.percent(Math.abs(points)).replace(/[+%]/g, '');
  const way = say(points > 0 ? 'said.up' : points < 0 ? 'said.down' : 'said.same', { percent });
  const seconds = Math.max(0, Math.round((now - ticker.recv) / 1000));
  const said = say('said.price', { name, price, way, seconds });
  return ticker.trouble === null ? said : `${said} ${term(ticker.trouble)}.`;
}
