// @ts-check
// Sharing: a link to what is on the screen, and the same list for a command line.

import { commandLine } from './link.js';
import { find, make } from './node.js';
import { say } from './words.js';

/** Shows both, to be copied. @param {{ search: string, symbols: string[] }} what */
export function showSharing({ search, symbols }) {
  const link = location.origin + location.pathname + search;
  const dialog = /** @type {HTMLDialogElement} */ (find('sharing'));
  const close = make('button', {}, [say('close')]);
  close.addEventListener('click', () => dialog.close());
  dialog.replaceChildren(
    make('h2', { id: 'sharing-title' }, [say('share.title')]),
    ...text('share.link', link),
    ...text('share.command', commandLine(symbols, location.origin)),
    make('div', { class: 'actions' }, [close]),
  );
  dialog.showModal();
}

/** @param {'share.link' | 'share.command'} key @param {string} text */
function text(key, text) {
  const area = make('textarea', { class: 'sharing-text', readonly: '', 'aria-label': say(key) });
  /** @type {HTMLTextAreaElement} */ (area).value = text;
  area.addEventListener('focus', () => /** @type {HTMLTextAreaElement} */ (area).select());
  const copy = make('button', { class: 'small' }, [say('copy')]);
  copy.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text);
      copy.textContent = say('copied');
    } catch {
      // Only secure pages may write there: what is marked can be copied by hand.
      area.focus();
    }
  });
  return [make('p', {}, [`${say(key)} `, copy]), area];
}
