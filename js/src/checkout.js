// Carries out what the machine wants, one thing at a time: what an earlier thing still answers is not heard any more.
import { apiOf, Refused } from "./api.js";
import { BEGINNING, canPay, canRetry, next } from "./machine.js";
import { claimIn, comingBackTo, loadScript, openWindow } from "./portone.js";

/**
 * @import { CheckoutState } from "../types/index.js"
 * @import { Deed, Happening } from "./machine.js"
 */

/** @type {typeof import("../types/index.js").createCheckout} */
export const createCheckout = (options) => {
  const api = apiOf(options);
  const { returnUrl, returned = "" } = options;
  let { known = null } = options;
  let moment = BEGINNING;
  let state = stateOf(moment);
  /** @type {AbortController | null} */
  let running = null;
  let hasStarted = false;
  /** @type {Set<() => void>} */
  const listeners = new Set();

  /** @param {Happening} what */
  function happen(what) {
    const [after, ...deeds] = next(moment, what);
    const isNews = after !== moment;
    moment = after;
    if (isNews) state = stateOf(moment);
    // Before anybody is told: a listener may press something, and what that begins is not to be ended by this.
    for (const deed of deeds) begin(deed);
    if (isNews) for (const listener of [...listeners]) listener();
  }

  /** @param {Deed} deed */
  function begin(deed) {
    running?.abort();
    const own = new AbortController();
    running = own;
    perform(deed, own.signal).then(
      (what) => own.signal.aborted || happen(what),
      (problem) => own.signal.aborted || happen(troubleOf(problem)),
    );
  }

  /**
   * @param {Deed} deed
   * @param {AbortSignal} signal
   * @returns {Promise<Happening>}
   */
  async function perform(deed, signal) {
    switch (deed.do) {
      case "read":
        return { type: "told", session: await api.read(signal) };
      case "verify":
        return { type: "told", session: await api.verify(signal) };
      case "confirm":
        return { type: "told", session: await api.confirm(signal, deed.agreed) };
      case "prepare": {
        const { session, request } = await api.prepare(signal, deed.wish);
        return { type: "prepared", session, request };
      }
      case "load":
        return loadScript(deed.sdk, deed.api).then(
          () => ({ type: "scriptReady" }),
          () => ({ type: "scriptBlocked" }),
        );
      case "open": {
        const drawn = () => void (signal.aborted || happen({ type: "drawn" }));
        return { type: "closed", ...(await openWindow(comingBackTo(deed.request, returnUrl), drawn)) };
      }
      case "wait":
        await pause(deed.ms, signal);
        return { type: "due" };
    }
  }

  const seen = () => globalThis.document?.hidden || happen({ type: "seen" });
  // Back from a window that took the whole page, the browser may show the page as it was left.
  const restored = (/** @type {PageTransitionEvent} */ { persisted }) => persisted && happen({ type: "start" });

  return {
    get state() {
      return state;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    start() {
      if (hasStarted) return;
      hasStarted = true;
      globalThis.document?.addEventListener("visibilitychange", seen);
      globalThis.window?.addEventListener("online", seen);
      globalThis.window?.addEventListener("pageshow", restored);
      happen({ type: "start", session: known, ...claimIn(returned) });
      known = null;
    },
    pay: (wish) => happen({ type: "pay", wish }),
    retry: () => happen({ type: "retry" }),
    check: () => happen({ type: "seen" }),
    stop() {
      hasStarted = false;
      running?.abort();
      globalThis.document?.removeEventListener("visibilitychange", seen);
      globalThis.window?.removeEventListener("online", seen);
      globalThis.window?.removeEventListener("pageshow", restored);
    },
  };
};

/** @param {typeof BEGINNING} moment @returns {CheckoutState} */
function stateOf(moment) {
  const { status, session, reason, code } = moment;
  return Object.freeze({ status, session, reason, code, canPay: canPay(moment), canRetry: canRetry(moment) });
}

/** @param {unknown} problem @returns {Happening} */
function troubleOf(problem) {
  if (!(problem instanceof Refused)) return { type: "unreachable" };
  const { code, message, status } = problem;
  return { type: "refused", code, reason: message, status };
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const page = globalThis.document;
    const end = () => {
      clearTimeout(timer);
      page?.removeEventListener("visibilitychange", wake);
    };
    // Nobody looks at a page in the background: what comes due there is done when it is seen again.
    let isDue = false;
    const wake = () => {
      if (!isDue || page?.hidden) return;
      end();
      resolve();
    };
    const timer = setTimeout(() => {
      isDue = true;
      wake();
    }, ms);
    page?.addEventListener("visibilitychange", wake);
    signal.addEventListener("abort", end, { once: true });
  });
}
