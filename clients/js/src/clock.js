// @ts-check
/** Measurements of a fast round trip tell more than those of a slow one; so many are kept. */
const KEPT = 8;

/** The server's clock as it is seen from here. */
export class Clock {
  /** @type {{ rttMs: number, offsetMs: number | null }[]} */
  #samples = [];

  /** Last round trip in ms, `null` before the first. */
  get rttMs() {
    return this.#samples.at(-1)?.rttMs ?? null;
  }

  /** Server's clock less ours in ms, by the fastest of the last round trips; or `null`. */
  get offsetMs() {
    const timed = this.#samples.filter(({ offsetMs }) => offsetMs !== null);
    timed.sort((a, b) => a.rttMs - b.rttMs);
    return timed[0]?.offsetMs ?? null;
  }

  /**
   * @param {number} sentAt by `performance.now()`, which nobody sets, unlike the time of day
   * @param {string | null} server what its clock said in between, if it said so
   */
  measure(sentAt, server) {
    const rttMs = Math.round((performance.now() - sentAt) * 100) / 100;
    const here = Date.now() - rttMs / 2;
    const offsetMs = server === null ? null : Math.round(Date.parse(server) - here) + 0;
    this.#samples.push({ rttMs, offsetMs });
    if (this.#samples.length > KEPT) this.#samples.shift();
  }
}
