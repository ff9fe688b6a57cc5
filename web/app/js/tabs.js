// @ts-check
// Tabs: where the page is narrow, one pane at a time.

import { find, setAttribute } from './node.js';

/** Shows one pane. @param {string} pane its id */
export function showPane(pane) {
  find('desk').dataset.tab = pane;
  for (const tab of find('tabs').children) {
    const isIt = tab.getAttribute('aria-controls') === pane;
    setAttribute(tab, 'aria-selected', String(isIt));
    setAttribute(tab, 'tabindex', isIt ? '0' : '-1');
  }
}

/** Lets the tabs be used. */
export function useTabs() {
  const tabs = find('tabs');
  tabs.addEventListener('click', (/** @type {Event} */ event) => {
    const pane = /** @type {HTMLElement} */ (event.target).getAttribute('aria-controls');
    if (pane) showPane(pane);
  });
  tabs.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    const all = /** @type {HTMLElement[]} */ ([...tabs.children]);
    const at = all.findIndex((tab) => tab.getAttribute('aria-selected') === 'true');
    const next = all[(at + step + all.length) % all.length];
    showPane(next.getAttribute('aria-controls') ?? '');
    next.focus();
  });
}
