// @ts-check
// The words of the screen in the user's language.

import { en } from '../words/en.js';
import { ko } from '../words/ko.js';

/** Languages by their code, and what they call themselves. */
export const LANGUAGES = { en: 'English', ko: '한국어' };

const WORDS = { en, ko };
let words = en;

/** Speaks a language from now on. @param {keyof typeof LANGUAGES} language */
export function speak(language) {
  words = WORDS[language] ?? en;
}

/**
 * The words for something; `{name}` in them stands for a value.
 * @param {keyof typeof en} key @param {Record<string, string | number>} [values]
 */
export function say(key, values) {
  const text = words[key] ?? en[key];
  return values ? text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? '')) : text;
}

/** The word for a word of the protocol; itself if there is none. @param {string} word */
export function term(word) {
  return words[/** @type {keyof typeof en} */ (`term.${word}`)] ?? word;
}

/**
 * Puts words where a page asks for them: `data-word` the text, others attributes.
 * @param {ParentNode} root
 */
export function fill(root) {
  for (const [attribute, target] of Object.entries(PLACES)) {
    for (const node of root.querySelectorAll(`[${attribute}]`)) {
      const text = say(/** @type {any} */ (node.getAttribute(attribute)));
      if (target === '') node.textContent = text;
      else node.setAttribute(target, text);
    }
  }
}

const PLACES = {
  'data-word': '',
  'data-title': 'title',
  'data-label': 'aria-label',
  'data-hint': 'placeholder',
};
