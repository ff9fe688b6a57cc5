// @ts-check
// A table whose cells are patched: rows are kept by their key, so that nothing loses the focus.

import { make, setAttribute, setText } from '../node.js';
import { say } from '../words.js';

/**
 * @typedef {{ text: string, state?: string, title?: string }} Marked
 * @typedef {string | Marked | { nodes: () => Node[] }} Value
 * @typedef {{ key: string, values: Value[] }} Line
 */

/** A table with these columns. */
export class Table {
  /** @type {Map<string, { node: HTMLElement, cells: HTMLElement[] }>} */
  #rows = new Map();
  #body = make('tbody');
  #none = make('p', { class: 'note', 'data-word': 'ops.none' }, [say('ops.none')]);

  /**
   * @param {HTMLElement} place
   * @param {string[]} columns keys of words; those after the first that end in # have numbers
   */
  constructor(place, columns) {
    this.columns = columns;
    const heads = columns.map((column) => {
      const key = /** @type {any} */ (column.replace('#', ''));
      /** @type {Record<string, string>} */
      const kind = column.endsWith('#') ? { class: 'number' } : {};
      return make('th', { scope: 'col', 'data-word': key, ...kind }, key === '' ? [] : [say(key)]);
    });
    heads
      .filter((head) => head.dataset.word === '')
      .forEach((head) => head.removeAttribute('data-word'));
    place.append(
      make('table', {}, [make('thead', {}, [make('tr', {}, heads)]), this.#body]),
      this.#none,
    );
  }

  /** @param {Line[]} lines */
  show(lines) {
    const keys = new Set(lines.map(({ key }) => key));
    for (const [key, row] of this.#rows) {
      if (keys.has(key)) continue;
      row.node.remove();
      this.#rows.delete(key);
    }
    lines.forEach((line, index) => {
      const row = this.#row(line);
      if (this.#body.children[index] !== row.node) {
        this.#body.insertBefore(row.node, this.#body.children[index] ?? null);
      }
      line.values.forEach((value, column) => patch(row.cells[column], value));
    });
    this.#none.hidden = lines.length > 0;
  }

  /** @param {Line} line */
  #row({ key, values }) {
    const known = this.#rows.get(key);
    if (known) return known;
    const cells = values.map((value, column) => {
      const cell = make('td', this.columns[column].endsWith('#') ? { class: 'number' } : {});
      if (typeof value === 'object' && 'nodes' in value) cell.append(...value.nodes());
      return cell;
    });
    const row = { node: make('tr', {}, cells), cells };
    this.#rows.set(key, row);
    return row;
  }
}

/** @param {HTMLElement} cell @param {Value} value */
function patch(cell, value) {
  if (typeof value === 'string') return setText(cell, value);
  if ('nodes' in value) return;
  setText(cell, value.text);
  setAttribute(cell, 'data-state', value.state ?? null);
  setAttribute(cell, 'title', value.title ?? null);
}
