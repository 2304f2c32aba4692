import type { CheckoutState, CheckoutOptions, Session } from "./index.js";

/**
 * `<jangbu-checkout url="https://pay.example.com" session="cs_…">`.
 *
 * Attributes: `url`, `session`; `return-url`, a page with this element where phones come back to (else they come back to
 * Jangbu's own page); `lang`, `ko` or `en` (else that of the page); `theme`, `light` or `dark` (else the payer's own).
 * Events: `jangbu-change` with the state, `jangbu-done` with the session, once.
 */
export class JangbuCheckout extends HTMLElement {
  /** Set it before the element is on the page. */
  token: CheckoutOptions["token"];
  /** null until it has `url` and `session`. */
  readonly state: CheckoutState | null;
}

declare global {
  interface HTMLElementTagNameMap {
    "jangbu-checkout": JangbuCheckout;
  }
  interface GlobalEventHandlersEventMap {
    "jangbu-change": CustomEvent<CheckoutState>;
    "jangbu-done": CustomEvent<Session>;
  }
}
