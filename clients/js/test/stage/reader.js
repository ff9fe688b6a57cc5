// @ts-check
// The client as a reader, in a process of its own: usage: reader.js JSON. See tests/it/readers.rs.
import { createInterface } from 'node:readline';
import WebSocket from 'ws';
import { Client } from '../../src/index.js';

const wanted = JSON.parse(process.argv[2]);
const { transports, staleMs } = wanted;
const backoff = { minMs: 50, maxMs: 1_000 };
const client = new Client(wanted.url, { WebSocket, transports, staleMs, backoff });

/** @param {string} event @param {object} detail */
const say = (event, detail) => process.stdout.write(`${JSON.stringify({ ...detail, event })}\n`);

client.on('state', ({ state, code, reason }) => say('state', { state, code, reason }));
client.on('error', ({ code, message }) => say('error', { code, message }));
for (const channel of wanted.channels) {
  const subscription = client.subscribe(wanted.names, { channel, slow: wanted.slow });
  subscription.on('message', (message) => {
    if (message.type === 'resync') say('resync', message);
    else say('data', { message });
  });
  subscription.on('error', ({ code, message }) => say('error', { code, message }));
}

for await (const command of createInterface({ input: process.stdin })) {
  if (command !== 'close') throw new Error(`no such command: ${command}`);
  client.close();
  say('end', {});
}
