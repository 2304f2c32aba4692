import type { Checkout, CheckoutOptions, CheckoutState } from "./index.js";

/** A moment of the checkout, and what can be done. It starts with the component and stops with it. */
export type JangbuCheckoutHook = CheckoutState & Pick<Checkout, "pay" | "retry" | "check">;

/** Another session, address, language or `fetch` begins anew; another `token` is used from the next call on. */
export function useJangbuCheckout(options: CheckoutOptions): JangbuCheckoutHook;
