// @ts-check
// Shortcuts: what keys and clicks do on the page, outside of a replay.

import { useDragging } from './dragging.js';
import { showHelp } from './keys.js';
import { find } from './node.js';
import { showPane } from './tabs.js';

/** @typedef {import('./screen.js').Screen} Screen */

/**
 * Keys that mean something wherever the focus is.
 * @param {Screen} screen
 * @returns {Record<string, (event: KeyboardEvent) => void>}
 */
export function shortcuts(screen) {
  const focus = (/** @type {string} */ id, /** @type {string} */ pane) => () => {
    showPane(pane);
    find(id).focus();
  };
  /** @type {Record<string, (event: KeyboardEvent) => void>} */
  const keys = {
    '/': focus('search', 'watch-pane'),
    g: focus('chart', 'chart-pane'),
    s: () => screen.sayPrice(),
    t: () => find('theme').click(),
    b: () => find('sides').click(),
    x: () => screen.share(),
    '[': () => screen.chart.turn(-1),
    ']': () => screen.chart.turn(1),
    '?': showHelp,
  };
  for (let digit = 1; digit <= 9; digit += 1) {
    keys[digit] = () => screen.groups.choose(digit - 1);
  }
  return keys;
}

/** Clicks and keys in the watchlist. @param {Screen} screen */
export function useGrid(screen) {
  const { node } = screen.grid;
  useDragging(screen.grid, (symbol, place) => screen.put(symbol, place));
  const symbolOf = (/** @type {Event} */ event) => {
    const row = /** @type {HTMLElement} */ (event.target).closest('[data-symbol]');
    return row instanceof HTMLElement ? (row.dataset.symbol ?? '') : '';
  };
  node.addEventListener('click', (/** @type {Event} */ event) => screen.choose(symbolOf(event)));
  node.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
    const symbol = symbolOf(event);
    if (symbol === '') return;
    if (event.key === 'Enter') screen.choose(symbol);
    else if (event.key === 'Delete') screen.remove(symbol);
    else if (event.altKey && event.key === 'ArrowUp') screen.move(symbol, -1);
    else if (event.altKey && event.key === 'ArrowDown') screen.move(symbol, 1);
    else return;
    event.preventDefault();
  });
}
