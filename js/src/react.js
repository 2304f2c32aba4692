// The machine as a hook: one checkout for as long as the session is the same, ended with the component.
import { useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import { createCheckout } from "./checkout.js";

/** @type {typeof import("../types/react.js").useJangbuCheckout} */
export function useJangbuCheckout({ url, session, language, returnUrl, returned, token, fetch }) {
  // A function is new on every drawing of a component; a payment must not begin anew because of it.
  const latest = useRef(token);
  useEffect(() => {
    latest.current = token;
  });
  const hasToken = token !== undefined;
  const checkout = useMemo(
    () =>
      createCheckout({
        url,
        session,
        ...(language && { language }),
        ...(returnUrl && { returnUrl }),
        ...(returned && { returned }),
        ...(fetch && { fetch }),
        ...(hasToken && { token: () => tokenOf(latest.current) }),
      }),
    [url, session, language, returnUrl, returned, fetch, hasToken],
  );
  useEffect(() => {
    checkout.start();
    return checkout.stop;
  }, [checkout]);
  const now = () => checkout.state;
  const state = useSyncExternalStore(checkout.subscribe, now, now);
  const { pay, retry, check } = checkout;
  return { ...state, pay, retry, check };
}

/** @param {import("../types/index.js").CheckoutOptions["token"]} token */
const tokenOf = (token) => (typeof token === "function" ? token() : (token ?? ""));
