// @ts-check
// The focus within a grid: one tab stop, arrows move between cells (W3C APG, grid pattern).

const PAGE = 10;

/** Moves the focus among the cells of lines. */
export class Focus {
  /** @type {HTMLElement | null} */
  #cell = null;

  /** @param {HTMLElement} grid @param {() => HTMLElement[]} lines from top to bottom */
  constructor(grid, lines) {
    this.grid = grid;
    this.lines = lines;
    grid.addEventListener('keydown', (event) => this.#press(event));
    grid.addEventListener('focusin', (event) => this.#note(event.target));
  }

  /** The line of the cell that has, or last had, the focus. */
  get line() {
    return /** @type {HTMLElement | null} */ (this.#cell?.parentElement ?? null);
  }

  /** Keeps one tab stop after lines came and went. */
  settle() {
    if (this.#cell?.isConnected) return;
    const lines = this.lines();
    this.#note(lines[1]?.children[0] ?? lines[0]?.children[0] ?? null);
  }

  /** @param {HTMLElement} cell */
  give(cell) {
    this.#note(cell);
    cell.focus({ preventScroll: true });
    cell.scrollIntoView({ block: 'nearest' });
  }

  /** @param {EventTarget | null} target */
  #note(target) {
    if (!(target instanceof HTMLElement) || !target.parentElement) return;
    if (!this.lines().includes(target.parentElement)) return;
    this.#cell?.setAttribute('tabindex', '-1');
    this.#cell = target;
    target.setAttribute('tabindex', '0');
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    if (event.altKey || event.metaKey || !this.#cell || event.target !== this.#cell) return;
    const lines = this.lines();
    const line = lines.indexOf(/** @type {HTMLElement} */ (this.#cell.parentElement));
    const column = [...lines[line].children].indexOf(this.#cell);
    const to = place(event, {
      line,
      column,
      lines: lines.length,
      columns: lines[line].children.length,
    });
    if (!to) return;
    event.preventDefault();
    const cells = [...lines[to.line].children];
    // A column that this width does not show cannot be focused: go on in the same direction.
    const step = Math.sign(to.column - column) || 1;
    let at = to.column;
    while (cells[at] && getComputedStyle(cells[at]).display === 'none') at += step;
    if (cells[at] instanceof HTMLElement) this.give(/** @type {HTMLElement} */ (cells[at]));
  }
}

/**
 * Where a key leads to; null if nowhere.
 * @param {{ key: string, ctrlKey: boolean }} event
 * @param {{ line: number, column: number, lines: number, columns: number }} at
 */
export function place({ key, ctrlKey }, { line, column, lines, columns }) {
  const bound = (/** @type {number} */ to) => Math.max(0, Math.min(lines - 1, to));
  switch (key) {
    case 'ArrowDown':
      return { line: bound(line + 1), column };
    case 'ArrowUp':
      return { line: bound(line - 1), column };
    case 'ArrowRight':
      return { line, column: Math.min(columns - 1, column + 1) };
    case 'ArrowLeft':
      return { line, column: Math.max(0, column - 1) };
    case 'PageDown':
      return { line: bound(line + PAGE), column };
    case 'PageUp':
      return { line: bound(line - PAGE), column };
    case 'Home':
      return { line: ctrlKey ? 0 : line, column: 0 };
    case 'End':
      return { line: ctrlKey ? lines - 1 : line, column: columns - 1 };
    default:
      return null;
  }
}
