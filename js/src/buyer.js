// What a page asks of who buys, for the page of the server's and for the element.

/** @import { Buyer, Session } from "../types/index.js" */

/** @type {(keyof Buyer)[]} */
const FIELDS = ["fullName", "phoneNumber", "email"];

/**
 * The fields to ask for: all of them of somebody who is not known at all, else those that a PG cannot do without.
 *
 * @param {Session} session
 * @returns {(keyof Buyer)[]}
 */
export function askedOf({ asksBuyer, needsBuyer = {} }) {
  const needed = Object.values(needsBuyer).flat();
  return FIELDS.filter((field) => asksBuyer || needed.includes(field));
}

/**
 * Make what the chosen way to pay needs compulsory, and only that. Nobody can fill in what is folded away.
 *
 * @param {HTMLFormElement} form
 * @param {Session} session
 */
export function demand(form, { needsBuyer = {} }) {
  const block = /** @type {HTMLDetailsElement | null} */ (form.querySelector(".buyer"));
  if (block === null) return;
  /** @type {readonly string[]} */
  const needed = needsBuyer[String(new FormData(form).get("method"))] ?? [];
  for (const input of block.querySelectorAll("input")) input.required = needed.includes(input.name);
  block.classList.toggle("needed", needed.length > 0);
  if (needed.length > 0) block.open = true;
}
