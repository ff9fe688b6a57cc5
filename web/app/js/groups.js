// @ts-check
// The strip of groups over the watchlist.

import { make, setAttribute } from './node.js';
import { say } from './words.js';

/** Tabs of the user's groups. */
export class Groups {
  /**
   * @param {HTMLElement} node @param {import('./desk.js').Desk} desk
   * @param {() => void} onChange when another group is looked at, or one was renamed or removed
   */
  constructor(node, desk, onChange) {
    this.node = node;
    this.desk = desk;
    this.onChange = onChange;
    node.addEventListener('click', (event) => this.choose(indexOf(event.target)));
    node.addEventListener('dblclick', (event) => this.#rename(event.target));
    node.addEventListener('keydown', (event) => this.#press(event));
  }

  /** Begins a new group. */
  add() {
    const name = String(this.desk.lists.groups.length + 1);
    if (this.desk.lists.addGroup(name)) this.#changed();
  }

  /** @param {number} index */
  choose(index) {
    if (index !== this.desk.lists.current && this.desk.lists.choose(index)) this.#changed();
  }

  /** Shows the groups as they are. */
  show() {
    const { groups, current } = this.desk.lists;
    const tabs = groups.map(({ name }, index) => {
      const attributes = { role: 'tab', 'aria-selected': String(index === current) };
      const tabindex = index === current ? '0' : '-1';
      const tab = make('button', { ...attributes, tabindex, title: say('group.title') }, [name]);
      setAttribute(tab, 'aria-controls', 'watch');
      tab.dataset.index = String(index);
      return tab;
    });
    this.node.replaceChildren(...tabs);
  }

  #changed() {
    this.show();
    this.onChange();
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const { lists } = this.desk;
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step !== 0) this.choose((lists.current + step + lists.groups.length) % lists.groups.length);
    else if (event.key === 'Delete' && lists.removeGroup()) this.#changed();
    else if (event.key === 'F2') this.#rename(event.target);
    else return;
    event.preventDefault();
    if (this.node.contains(document.activeElement) || event.key !== 'F2') this.#focus();
  }

  #focus() {
    const tab = this.node.querySelector('[aria-selected="true"]');
    if (tab instanceof HTMLElement) tab.focus();
  }

  /** Lets its name be written in its place. @param {EventTarget | null} target */
  #rename(target) {
    const tab = /** @type {HTMLElement} */ (target);
    if (indexOf(tab) !== this.desk.lists.current) return;
    const box = /** @type {HTMLInputElement} */ (make('input', { size: '8', maxlength: '16' }));
    box.value = this.desk.lists.group.name;
    box.setAttribute('aria-label', say('group.rename'));
    tab.replaceWith(box);
    box.select();
    let isOver = false;
    const end = (/** @type {boolean} */ keep) => {
      if (isOver) return;
      isOver = true;
      if (keep) this.desk.lists.rename(box.value);
      this.#changed();
      this.#focus();
    };
    box.addEventListener('blur', () => end(true));
    box.addEventListener('keydown', (event) => {
      event.stopPropagation();
      if (event.key === 'Enter' || event.key === 'Escape') end(event.key === 'Enter');
    });
  }
}

/** @param {EventTarget | null} target */
function indexOf(target) {
  return Number(/** @type {HTMLElement} */ (target).dataset?.index ?? NaN);
}
