// @ts-check
// The page: what it holds, and who tells whom.

import { Client } from '/client/index.js';
import * as library from '../vendor/lightweight-charts.js';
import { Desk } from './desk.js';
import { Looks } from './looks.js';
import { Preferences } from './preferences.js';
import { Access } from './access.js';
import { Screen } from './screen.js';
import { parseLink } from './link.js';
import { Watchlists } from './watchlists.js';

const preferences = Preferences.open();
const lists =
  Watchlists.parse(preferences.get('lists')) ?? new Watchlists([{ name: '1', symbols: [] }]);
const access = new Access();
const client = new Client('/v1/stream', { getToken: () => access.token, pingMs: 2000 });
const { createChart } = /** @type {any} */ (library);
const chartLibrary = createChart === null ? null : library;
const parts = { client, preferences, access, library: chartLibrary };
const screen = new Screen(new Desk(lists), new Looks(preferences), parts);
// For those who look behind the page: the client and what it holds, in the browser's console.
Object.assign(globalThis, { tickwire: screen });
screen.open(parseLink(location.search));
