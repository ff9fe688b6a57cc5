// @ts-check
// Pages of history, read to their end: a page may have few rows, even none, and a next one.

/** Pages that are read for one question. */
const PAGES_MAX = 40;

/** @typedef {(path: string, params: any) => Promise<any>} Get asks the server */

/**
 * The rows of an answer, page by page as they come.
 * @param {Get} get
 * @param {string} name of the rows, and of the path: `bars`, `trades`, `gaps`
 * @param {Record<string, any>} params
 * @returns {AsyncGenerator<any[], void, void>}
 */
export async function* pages(get, name, params) {
  let cursor;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const answer = await get(`/v1/${name}`, { ...params, cursor });
    yield answer[name];
    cursor = answer.next ?? undefined;
    if (cursor === undefined) return;
  }
}

/**
 * All rows of an answer.
 * @param {Get} get @param {string} name @param {Record<string, any>} params
 */
export async function readAll(get, name, params) {
  const all = [];
  for await (const rows of pages(get, name, params)) all.push(...rows);
  return all;
}
