// @ts-check
// Sessions: what was recorded, as a list to choose from.

import { clockOf } from './instant.js';
import { find, make } from './node.js';
import { say } from './words.js';

/** @typedef {import('./past.js').Session} Session */

/** A session's name in links. @param {Session} session */
export function nameOf({ epoch, feed, day }) {
  return `${epoch}/${feed}/${day}`;
}

/** @param {Session[]} sessions @param {string} name @returns {Session | undefined} */
export function named(sessions, name) {
  return sessions.find((session) => nameOf(session) === name);
}

/**
 * The table of sessions, newest first.
 * @param {Session[]} sessions @param {import('./figures.js').Figures} figures
 * @param {(session: Session) => Node[]} actions
 */
export function sessionTable(sessions, figures, actions) {
  const heads = /** @type {const} */ (['day', 'feed', 'from', 'to', 'events', 'trades', 'gaps']);
  const head = heads.map((name, index) => {
    /** @type {Record<string, string>} */
    const attributes = index > 3 ? { class: 'number', scope: 'col' } : { scope: 'col' };
    return make('th', attributes, [say(`session.${name}`)]);
  });
  const rows = [...sessions].reverse().map((session) => {
    const number = (/** @type {number} */ count) =>
      make('td', { class: 'number' }, [figures.count(count)]);
    return make('tr', { 'data-session': nameOf(session) }, [
      make('td', {}, [session.day]),
      make('td', {}, [session.feed]),
      make('td', {}, [clockOf(Date.parse(session.recv_first))]),
      make('td', {}, [clockOf(Date.parse(session.recv_last))]),
      number(session.events),
      number(/** @type {any} */ (session).trades),
      number(session.gaps),
      make('td', {}, actions(session)),
    ]);
  });
  const none = make('p', { class: 'note' }, [say('session.none')]);
  const table = make('table', { class: 'session-table' }, [
    make('thead', {}, [make('tr', {}, [...head, make('td')])]),
    make('tbody', {}, rows),
  ]);
  return rows.length === 0 ? none : table;
}

/**
 * Lets one be chosen.
 * @param {Session[]} sessions @param {import('./figures.js').Figures} figures
 * @param {(session: Session) => void} onChosen
 */
export function chooseSession(sessions, figures, onChosen) {
  const dialog = /** @type {HTMLDialogElement} */ (find('sessions'));
  const table = sessionTable(sessions, figures, (session) => {
    const button = make('button', { class: 'small' }, [say('replay.open')]);
    button.addEventListener('click', () => {
      dialog.close();
      onChosen(session);
    });
    return [button];
  });
  const close = make('button', {}, [say('close')]);
  close.addEventListener('click', () => dialog.close());
  dialog.replaceChildren(
    make('h2', { id: 'sessions-title' }, [say('session.title')]),
    table,
    make('div', { class: 'actions' }, [close]),
  );
  dialog.showModal();
}
