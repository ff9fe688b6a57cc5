// @ts-check
// Tickwire in browsers and Node: streams that say what they missed, history, and replay.
export { Client } from './client.js';
export { Failure } from './failure.js';
export { States } from './state.js';
export { Subscription } from './subscription.js';
