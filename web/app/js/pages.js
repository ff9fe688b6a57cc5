// @ts-check
// Pages of history, read to their end: a page may have few rows, even none, and a next one.

/** Pages that are read for one question. */
const PAGES_MAX = 40;

/**
 * All rows of an answer that comes in pages.
 * @param {(path: string, params: any) => Promise<any>} get
 * @param {string} name of the rows, and of the path: `bars`, `trades`, `gaps`
 * @param {Record<string, any>} params
 */
export async function readAll(get, name, params) {
  const rows = [];
  let cursor;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const answer = await get(`/v1/${name}`, { ...params, cursor });
    rows.push(...answer[name]);
    cursor = answer.next ?? undefined;
    if (cursor === undefined) break;
  }
  return rows;
}
