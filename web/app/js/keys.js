// @ts-check
// The keys of the page, and the dialog that lists them.

import { find, make } from './node.js';
import { say } from './words.js';

/** What there is, as the help shows it: keys, and the words for what they do. */
/** @type {[any, [string[], any][]][]} */
const HELP = [
  [
    'help.watch',
    [
      [['/'], 'key.search'],
      [['↑', '↓', '←', '→'], 'key.move'],
      [['Enter'], 'key.open'],
      [['Delete'], 'key.remove'],
      [['Alt', '↑↓'], 'key.order'],
      [['1', '…', '9'], 'key.group'],
      [['s'], 'key.say'],
    ],
  ],
  [
    'help.chart',
    [
      [['g'], 'key.chart'],
      [['[', ']'], 'key.interval'],
      [['+', '−'], 'key.zoom'],
      [['←', '→'], 'key.pan'],
      [['End'], 'key.follow'],
      [['b'], 'key.sides'],
    ],
  ],
  [
    'help.replay',
    [
      [['r'], 'key.replay'],
      [['Space'], 'key.play'],
      [['.', ','], 'key.step'],
      [['<', '>'], 'key.speed'],
      [['←', '→'], 'key.seek'],
      [['Shift', '←→'], 'key.minute'],
      [['PageUp', 'PageDown'], 'key.five'],
      [['Home', 'End'], 'key.ends'],
      [['a'], 'key.loop'],
      [['l'], 'key.live'],
    ],
  ],
  [
    'help.page',
    [
      [['t'], 'key.theme'],
      [['x'], 'key.share'],
      [['?'], 'key.help'],
    ],
  ],
];

/**
 * Listens for keys that mean something wherever the focus is, but not while something is written.
 * @param {Record<string, (event: KeyboardEvent) => void>} actions by the key
 */
export function listen(actions) {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (document.querySelector('dialog[open]')) return;
    if (target.matches?.('input:not([type=checkbox]):not([type=range]), select, textarea')) return;
    // A button is pressed with the space bar.
    if (event.key === ' ' && target.matches?.('button, a, summary, input')) return;
    const action = actions[event.key];
    if (!action) return;
    action(event);
    event.preventDefault();
  });
}

/** Shows all keys. */
export function showHelp() {
  const dialog = /** @type {HTMLDialogElement} */ (find('help'));
  const title = make('h2', { id: 'help-title' }, [say('help.title')]);
  const parts = HELP.flatMap(([heading, rows]) => [
    make('h3', {}, [say(heading)]),
    make(
      'table',
      {},
      rows.map(([keys, what]) => {
        const shown = keys.flatMap((key) => [make('kbd', {}, [key]), ' ']);
        return make('tr', {}, [make('td', {}, shown), make('td', {}, [say(what)])]);
      }),
    ),
  ]);
  const credit = make('p', { class: 'small-print' }, [
    'TradingView Lightweight Charts™ Copyright © 2025 TradingView, Inc. ',
    make('a', { href: 'https://www.tradingview.com/', rel: 'noreferrer' }, ['tradingview.com']),
  ]);
  const close = make('button', { autofocus: '' }, [say('close')]);
  close.addEventListener('click', () => dialog.close());
  const columns = make('div', { class: 'help-columns' }, parts);
  dialog.replaceChildren(title, columns, credit, make('div', { class: 'actions' }, [close]));
  dialog.showModal();
}
