// @ts-check
// Dragging: a row of the watchlist is taken by its symbol and put elsewhere.

/** A pointer that moved less has clicked. */
const LEAST_PX = 5;

/**
 * Lets rows be dragged.
 * @param {import('./grid.js').Grid} grid
 * @param {(symbol: string, place: number) => void} onDropped
 */
export function useDragging(grid, onDropped) {
  grid.node.addEventListener('pointerdown', (/** @type {PointerEvent} */ event) => {
    const cell = /** @type {HTMLElement} */ (event.target).closest('.cell.name');
    const row = /** @type {HTMLElement | null | undefined} */ (cell?.closest('[data-symbol]'));
    if (!row || event.button !== 0 || event.pointerType === 'touch' || grid.isSorted) return;
    follow(grid, { row, y: event.clientY }, onDropped);
  });
}

/**
 * @param {import('./grid.js').Grid} grid @param {{ row: HTMLElement, y: number }} from
 * @param {(symbol: string, place: number) => void} onDropped
 */
function follow(grid, { row, y }, onDropped) {
  let isMoving = false;
  const move = (/** @type {PointerEvent} */ event) => {
    isMoving ||= Math.abs(event.clientY - y) >= LEAST_PX;
    row.classList.toggle('moving', isMoving);
    if (isMoving) row.style.transform = `translateY(${event.clientY - y}px)`;
  };
  const end = (/** @type {PointerEvent} */ event) => {
    removeEventListener('pointermove', move);
    removeEventListener('pointerup', end);
    removeEventListener('pointercancel', end);
    row.classList.remove('moving');
    row.style.transform = '';
    if (!isMoving || event.type !== 'pointerup') return;
    const rows = Math.round((event.clientY - y) / row.offsetHeight);
    const symbol = row.dataset.symbol ?? '';
    onDropped(symbol, grid.order.indexOf(symbol) + rows);
  };
  addEventListener('pointermove', move);
  addEventListener('pointerup', end);
  addEventListener('pointercancel', end);
}
