// @ts-check
// Access: the token that a server may ask for, kept as long as this tab is open.

import { find, make } from './node.js';
import { say } from './words.js';

const KEY = 'tickwire.token';

/** The user's token. */
export class Access {
  /** @returns {string} '' if there is none */
  get token() {
    try {
      return sessionStorage.getItem(KEY) ?? '';
    } catch {
      return '';
    }
  }

  /** Asks for a token, once at a time. @param {string} reason @param {() => void} onToken */
  ask(reason, onToken) {
    const dialog = /** @type {HTMLDialogElement} */ (find('access'));
    if (dialog.open) return;
    const box = /** @type {HTMLInputElement} */ (
      make('input', {
        type: 'password',
        autocomplete: 'off',
        size: '48',
        id: 'token',
        required: '',
      })
    );
    const form = make('form', { method: 'dialog' }, [
      make('h2', { id: 'access-title' }, [say('access.title')]),
      make('p', {}, [reason]),
      make('label', { for: 'token' }, [`${say('access.token')} `]),
      box,
      make('div', { class: 'actions' }, [make('button', {}, [say('access.send')])]),
    ]);
    form.addEventListener('submit', () => {
      try {
        sessionStorage.setItem(KEY, box.value.trim());
      } catch {
        // Without a store it cannot be kept, and is asked for again.
      }
      onToken();
    });
    dialog.replaceChildren(form);
    dialog.showModal();
  }
}
