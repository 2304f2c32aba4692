// <jangbu-checkout>: the machine with a face, on any page, under any policy that lets PortOne's window be.
import { createCheckout } from "./checkout.js";
import { h } from "./dom.js";
import { keyOf, screenOf } from "./screens.js";
import { styles } from "./style.js";

/**
 * @import { Checkout, CheckoutState, Wish } from "../types/index.js"
 * @import { Screen } from "./screens.js"
 */

export class JangbuCheckout extends HTMLElement {
  static observedAttributes = ["url", "session", "return-url", "lang"];

  /** @type {string | (() => string | Promise<string>) | undefined} */
  token;
  /** @type {Checkout | null} */
  #checkout = null;
  /** @type {Screen | null} */
  #screen = null;
  #shown = "";
  #isDone = false;
  #isHere = false;

  constructor() {
    super();
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = [styles()];
  }

  /** @returns {CheckoutState | null} */
  get state() {
    return this.#checkout?.state ?? null;
  }

  connectedCallback() {
    if (!this.querySelector("[slot=paypal]")) this.append(h("div", { slot: "paypal", class: "portone-ui-container" }));
    this.#isHere = true;
    this.#begin();
  }

  disconnectedCallback() {
    this.#isHere = false;
    this.#end();
  }

  attributeChangedCallback() {
    // Told of what was there before the script too, one by one, when it is on the page already and has not begun.
    if (!this.#isHere) return;
    this.#end();
    this.#begin();
  }

  get #language() {
    const named = this.closest("[lang]")?.getAttribute("lang") || navigator.language;
    return /^en\b/i.test(named) ? "en" : "ko";
  }

  #begin() {
    const [url, session] = [this.getAttribute("url"), this.getAttribute("session")];
    // A page may put the element there first and know the session later.
    if (!url || !session) return;
    const returnUrl = this.getAttribute("return-url");
    const checkout = createCheckout({
      url,
      session,
      language: this.#language,
      ...(this.token ? { token: this.token } : {}),
      ...(returnUrl === null ? {} : { returnUrl: new URL(returnUrl, document.baseURI).href, returned: location.search }),
    });
    this.#checkout = checkout;
    this.#isDone = false;
    checkout.subscribe(() => this.#changed(checkout.state));
    this.#show(checkout.state);
    checkout.start();
  }

  #end() {
    this.#checkout?.stop();
    this.#checkout = null;
    this.#screen = null;
  }

  /** @param {CheckoutState} state */
  #changed(state) {
    this.#show(state);
    this.dispatchEvent(new CustomEvent("jangbu-change", { detail: state, bubbles: true, composed: true }));
    if (state.status !== "done" || this.#isDone) return;
    this.#isDone = true;
    this.dispatchEvent(new CustomEvent("jangbu-done", { detail: state.session, bubbles: true, composed: true }));
  }

  /** @param {CheckoutState} state */
  #show(state) {
    const root = /** @type {ShadowRoot} */ (this.shadowRoot);
    // PortOne's window takes the focus, and gives it back to the element, which is not to be focused.
    const wasPaying = this.#shown === "paying" && state.status !== "paying" && document.activeElement === document.body;
    const hadFocus = root.activeElement !== null || wasPaying;
    this.#shown = state.status;
    const isNew = this.#screen?.key !== keyOf(state);
    if (isNew) {
      const pay = (/** @type {Wish} */ wish) => this.#checkout?.pay(wish);
      this.#screen = screenOf(state, this.#language, { pay, retry: () => this.#checkout?.retry() });
      this.#screen.node.lang = this.#language;
      root.replaceChildren(this.#screen.node);
    }
    this.#screen?.update(state);
    // Whoever was in here goes on at the beginning of what took its place, or where they pressed.
    if (isNew && hadFocus) root.querySelector("h2")?.focus();
    else if (wasPaying) root.querySelector("button")?.focus();
  }
}
