// @ts-check
import { PollSession } from './poll.js';
import { SseSession } from './sse.js';
import { WsSession } from './ws.js';

/** @typedef {import('../subscription.js').Subscription} Subscription */
/** @typedef {import('./end.js').End} End */

/**
 * @typedef {object} Session one way to a server, from its opening to its end
 * @property {string} transport
 * @property {any} welcome what the server said of itself, if this way has that
 * @property {() => void} begin subscribes everything
 * @property {() => void} close ends it without a word to the host
 * @property {(of: Subscription, names: string[]) => void} added
 * @property {(of: Subscription, names: string[]) => void} removed
 * @property {(of: Subscription) => void} restarted
 * @property {(of: Subscription, symbols: string[]) => void} resync
 *
 * @typedef {object} SessionHost what a session needs, and whom it tells
 * @property {import('../address.js').Address} address
 * @property {import('../options.js').Options} options
 * @property {import('../clock.js').Clock} clock
 * @property {Set<Subscription>} subscriptions
 * @property {() => Promise<string | null>} token
 * @property {boolean} canRenew whether another token can be had
 * @property {(session: Session, welcome: any) => void} opened
 * @property {(session: Session, end: End) => void} ended
 * @property {(message: any) => void} told heartbeats, `service`, `closing`
 * @property {(failure: import('../failure.js').Failure) => void} failed
 * @property {(sentAt: number, server: string | null) => void} measured a round trip, see `Clock`
 * @property {(bytes: number) => void} count
 */

/** Ways in by their names. @type {Record<string, new (host: SessionHost) => Session>} */
export const SESSIONS = { ws: WsSession, sse: SseSession, poll: PollSession };
