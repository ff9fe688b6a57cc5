// @ts-check
// Ending a client's connection: for operators whose token says so; the server decides.

import { make, setText } from '../node.js';
import { say } from '../words.js';

/** How long a first press waits for the second. */
const SURE_MS = 4000;

/**
 * The button beside a client; two presses end its connection. Nothing where no token is kept, as
 * a server that asks nobody who they are lets nobody do this.
 * @param {number} id @param {{ token: string, failed: (error: any) => void }} operator
 * @returns {Node[]}
 */
export function dismissal(id, { token, failed }) {
  if (token === '') return [];
  const button = make('button', { class: 'small', title: say('ops.end.title') }, [say('ops.end')]);
  let isAsked = false;
  const rest = () => {
    isAsked = false;
    if (!button.hasAttribute('disabled')) setText(button, say('ops.end'));
  };
  button.addEventListener('click', async () => {
    if (!isAsked) {
      isAsked = true;
      setText(button, say('ops.end.sure'));
      setTimeout(rest, SURE_MS);
      return;
    }
    button.setAttribute('disabled', '');
    setText(button, say('ops.ending'));
    const error = await dismiss(id, token);
    if (error === null) return;
    button.removeAttribute('disabled');
    rest();
    failed(error);
  });
  return [button];
}

/** @param {number} id @param {string} token @returns {Promise<any>} what went wrong, or null */
async function dismiss(id, token) {
  try {
    const headers = { Authorization: `Bearer ${token}` };
    const answer = await fetch(`/ui/clients/${id}`, { method: 'DELETE', headers });
    return answer.ok ? null : (await answer.json()).error;
  } catch (error) {
    return { code: 'unreachable', message: String(error) };
  }
}
