// @ts-check
// Metrics as the server tells them (Prometheus' text format), by name and labels.

/** @typedef {{ labels: Record<string, string>, value: number }} Sample */

/** What was told at one time. */
export class Metrics {
  /** @type {Map<string, Sample[]>} */
  #samples = new Map();

  /** @param {string} text @param {number} at ms */
  constructor(text, at) {
    this.at = at;
    for (const line of text.split('\n')) {
      const parts = /^([a-z_]\w*)(?:\{(.*)\})? (\S+)/i.exec(line);
      if (!parts) continue;
      const [, name, labels = '', value] = parts;
      const samples = this.#samples.get(name) ?? [];
      samples.push({ labels: labelsOf(labels), value: Number(value) });
      this.#samples.set(name, samples);
    }
  }

  /** @param {string} name @returns {Sample[]} */
  all(name) {
    return this.#samples.get(`tickwire_${name}`) ?? [];
  }

  /**
   * The sum over all labels that fit; NaN if there is none.
   * @param {string} name @param {Record<string, string>} [labels]
   */
  sum(name, labels = {}) {
    const fits = (/** @type {Sample} */ sample) =>
      Object.entries(labels).every(([key, value]) => sample.labels[key] === value);
    const samples = this.all(name).filter(fits);
    return samples.length === 0 ? NaN : samples.reduce((sum, { value }) => sum + value, 0);
  }

  /**
   * How much a counter grew in a second since an earlier telling.
   * @param {string} name @param {Metrics | null} before @param {Record<string, string>} [labels]
   */
  rate(name, before, labels = {}) {
    if (before === null || this.at <= before.at) return NaN;
    const grown = this.sum(`${name}_total`, labels) - before.sum(`${name}_total`, labels);
    return Math.max(0, grown) / ((this.at - before.at) / 1000);
  }

  /** The values of a label. @param {string} name @param {string} label */
  values(name, label) {
    return this.all(name)
      .map(({ labels }) => labels[label])
      .filter(Boolean)
      .sort(numerically);
  }
}

/** @param {string} text @returns {Record<string, string>} */
function labelsOf(text) {
  /** @type {Record<string, string>} */
  const labels = {};
  for (const [, key, value] of text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
    labels[key] = value.replace(/\\(.)/g, (_, letter) => (letter === 'n' ? '\n' : letter));
  }
  return labels;
}

/** @param {string} a @param {string} b */
function numerically(a, b) {
  return a.localeCompare(b, undefined, { numeric: true });
}
