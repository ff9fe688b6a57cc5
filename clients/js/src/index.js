// @ts-check
// Tickwire in browsers and Node: streams that say what they missed, history, and replay.
export { Client } from './client.js';
export { Failure } from './failure.js';
export { Replay } from './replay.js';
export { States } from './state.js';
export { Subscription } from './subscription.js';
