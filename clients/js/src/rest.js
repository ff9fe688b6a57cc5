// @ts-check
import { Failure } from './failure.js';

/**
 * One request by plain HTTP, with the token if there is one.
 * @param {import('./sessions/session.js').SessionHost} host
 * @param {string} url
 * @param {{ signal?: AbortSignal, headers?: Record<string, string> }} [init]
 * @returns {Promise<Response>} a good answer
 */
export async function request(host, url, { signal, headers = {} } = {}) {
  const token = await host.token();
  if (token) headers = { ...headers, Authorization: `Bearer ${token}` };
  /** @type {Response} */
  let response;
  try {
    response = await host.options.fetch(url, { signal, headers, cache: 'no-store' });
  } catch (error) {
    if (signal?.aborted) throw signal.reason ?? error;
    throw new Failure('unreachable', `${url}: ${causeOf(error)}`, { retry: true });
  }
  if (response.ok) return response;
  throw await failureOf(response);
}

/**
 * The rows of a list that comes in pages.
 * @param {import('./sessions/session.js').SessionHost} host
 * @param {string} path
 * @param {{ params?: Record<string, any>, signal?: AbortSignal }} options
 * @returns {AsyncGenerator<any>}
 */
export async function* rows(host, path, { params = {}, signal }) {
  let cursor = params.cursor ?? null;
  do {
    const url = host.address.http(path, { ...params, cursor });
    const { next, ...lists } = await (await request(host, url, { signal })).json();
    yield* Object.values(lists).find(Array.isArray) ?? [];
    cursor = next ?? null;
  } while (cursor !== null);
}

/** @param {Response} response */
async function failureOf(response) {
  const { status } = response;
  const text = await response.text().catch(() => '');
  const after = Number(response.headers.get('Retry-After') ?? NaN);
  const retryInMs = Number.isFinite(after) ? after * 1_000 : null;
  const retry = status === 429 || status >= 500;
  let code = status === 401 ? 'unauthorized' : status === 403 ? 'forbidden' : `http_${status}`;
  let message = text.slice(0, 200) || `HTTP ${status}`;
  try {
    ({ code, message } = JSON.parse(text).error);
  } catch {
    // Not the server itself: a proxy on the way, with a page of its own.
  }
  return new Failure(code, message, { status, retry, retryInMs });
}

/** @param {any} error */
function causeOf(error) {
  return error?.cause?.message || error?.cause?.code || error?.message || String(error);
}
