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
 * Show what is asked for, and make what the chosen way to pay needs compulsory, and only that. Which PG is behind a way to
 * pay may become known while the form is shown. What was asked for once stays: somebody may have typed into it.
 *
 * @param {HTMLFormElement} form
 * @param {Session} session
 */
export function demand(form, session) {
  const block = /** @type {HTMLDetailsElement} */ (form.querySelector(".buyer"));
  const asked = askedOf(session);
  /** @type {readonly string[]} */
  const needed = session.needsBuyer?.[String(new FormData(form).get("method"))] ?? [];
  for (const input of block.querySelectorAll("input")) {
    const label = /** @type {HTMLElement} */ (input.parentElement);
    label.hidden &&= !(/** @type {string[]} */ (asked).includes(input.name));
    input.required = needed.includes(input.name);
    // Nobody can fill in what is folded away, and a browser says nothing of it: it would just not pay.
    input.oninvalid = () => (block.open = true);
  }
  block.hidden &&= asked.length === 0;
  block.classList.toggle("needed", needed.length > 0);
  if (needed.length > 0) block.open = true;
}
