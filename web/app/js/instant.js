// @ts-check
// Instants: times on the wire (RFC 3339, up to nanoseconds), and how they are shown.

/** Milliseconds since 1970; NaN if it is none. @param {string | undefined} text */
export function msOf(text) {
  return text === undefined ? NaN : Date.parse(text);
}

/** As it is sent. @param {number} ms */
export function textOf(ms) {
  return new Date(ms).toISOString();
}

/** "14:02:11" in UTC. @param {number} ms */
export function clockOf(ms) {
  return Number.isFinite(ms) ? new Date(ms).toISOString().slice(11, 19) : '';
}

/** "14:02:11.045" in UTC. @param {number} ms */
export function fineClockOf(ms) {
  return Number.isFinite(ms) ? new Date(ms).toISOString().slice(11, 23) : '';
}

/** "2026-11-20 14:02:11.045" in UTC. @param {number} ms */
export function dateClockOf(ms) {
  return Number.isFinite(ms) ? new Date(ms).toISOString().slice(0, 23).replace('T', ' ') : '';
}

/** "14:02:11" where this browser is. @param {number} ms */
export function localClockOf(ms) {
  const time = new Date(ms);
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':');
}

/**
 * A length of time in few characters: "3s", "12m", "5h", "2d".
 * @param {number} ms
 */
export function shortSpan(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 100) return `${seconds}s`;
  if (seconds < 6000) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 360_000) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** "0:07", "12:30" or "1:02:03" until something. @param {number} ms */
export function countdown(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const tail = two(seconds % 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${tail}` : `${minutes}:${tail}`;
}

/**
 * What a person wrote in a jump-to-time box, on the day of another instant: "9:30", "09:30:04.118",
 * or a whole RFC 3339 time. UTC.
 * @param {string} text @param {number} day ms
 * @returns {number} ms, NaN if it is no time
 */
export function parseOn(text, day) {
  const trimmed = text.trim();
  const time = /^(\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,9})?)?$/.exec(trimmed);
  if (!time) return /^\d{4}-\d{2}-\d{2}/.test(trimmed) ? Date.parse(zoned(trimmed)) : NaN;
  const [hours, minutes, seconds] = [time[1], time[2], time[3] ?? '0'].map(Number);
  if (hours > 23 || minutes > 59 || seconds > 59) return NaN;
  const midnight = Math.floor(day / 86_400_000) * 86_400_000;
  const fine = Math.floor(Number(time[4] ?? 0) * 1000);
  return midnight + ((hours * 60 + minutes) * 60 + seconds) * 1000 + fine;
}

/** @param {string} text */
function zoned(text) {
  const full = text.replace(' ', 'T');
  return /(Z|[+-]\d{2}:\d{2})$/.test(full) || full.length <= 10 ? full : `${full}Z`;
}

/** @param {number} number */
function two(number) {
  return String(number).padStart(2, '0');
}
