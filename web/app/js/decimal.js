// @ts-check
// Decimal numbers as the texts that they are: no figure of money is ever a binary float.

/** Beyond so many digits a venue pads with zeros that say nothing. */
const PADDED = 5;

/** Digits after the point that a text shows. @param {string} text */
export function places(text) {
  const point = text.indexOf('.');
  return point < 0 ? 0 : text.length - point - 1;
}

/**
 * Digits after the point that a venue means: long tails of zeros are padding.
 * @param {string} text
 */
export function meantPlaces(text) {
  const shown = places(text);
  if (shown <= PADDED) return shown;
  return Math.max(2, places(text.replace(/0+$/, '')));
}

/**
 * Digits after the point of prices that are multiples of a tick size.
 * @param {string} tick such as "0.01" or "0.25"
 */
export function tickPlaces(tick) {
  return tick.includes('.') ? places(tick.replace(/\.?0+$/, '')) : 0;
}

/**
 * The same number with so many digits after the point. Zeros are added and taken away; a digit
 * that says something is never dropped.
 * @param {string} text @param {number} count
 */
export function toPlaces(text, count) {
  const shown = places(text);
  if (shown < count) return `${text}${shown === 0 ? '.' : ''}${'0'.repeat(count - shown)}`;
  let end = text.length;
  for (let extra = shown - count; extra > 0 && text[end - 1] === '0'; extra -= 1) end -= 1;
  if (text[end - 1] === '.') end -= 1;
  return text.slice(0, end);
}

/** @param {string} text @param {number} scale digits after the point, none of which is cut */
export function scaled(text, scale) {
  const [whole = '0', part = ''] = text.split('.');
  return BigInt(whole + part.padEnd(scale, '0').slice(0, scale));
}

/**
 * Negative, zero or positive, as a is less, equal or greater.
 * @param {string} a @param {string} b
 */
export function compare(a, b) {
  if (a === b) return 0;
  const scale = Math.max(places(a), places(b));
  const [left, right] = [scaled(a, scale), scaled(b, scale)];
  return left < right ? -1 : Number(left > right);
}

/** a − b, exactly. @param {string} a @param {string} b */
export function subtract(a, b) {
  const scale = Math.max(places(a), places(b));
  return unscaled(scaled(a, scale) - scaled(b, scale), scale);
}

/** a + b, exactly. @param {string} a @param {string} b */
export function add(a, b) {
  const scale = Math.max(places(a), places(b));
  return unscaled(scaled(a, scale) + scaled(b, scale), scale);
}

/**
 * By how many per cent a is more than b, in hundredths of a per cent, rounded half away from zero;
 * null if b is zero.
 * @param {string} a @param {string} b
 * @returns {number | null}
 */
export function changeBasisPoints(a, b) {
  const scale = Math.max(places(a), places(b));
  const [now, then] = [scaled(a, scale), scaled(b, scale)];
  if (then === 0n) return null;
  const twice = ((now - then) * 20_000n) / (then < 0n ? -then : then);
  const away = twice < 0n ? -1n : 1n;
  return Number((twice + away) / 2n);
}

/** @param {bigint} number @param {number} scale */
function unscaled(number, scale) {
  if (scale === 0) return String(number);
  const sign = number < 0n ? '-' : '';
  const digits = String(number < 0n ? -number : number).padStart(scale + 1, '0');
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
