// PortOne's script: got ready before anybody presses, so that a blocked one is told early and can be tried again.
import { loadPaymentUI, requestPayment } from "@portone/browser-sdk/v2";

/** @import { Agreed, Claim } from "./machine.js" */

const TIMEOUT_MS = 15_000;

/**
 * Load the script from where the server says. `@portone/browser-sdk` would load it too, but remembers a failure for
 * as long as the page lives; it takes the script that is there.
 *
 * @param {string} address
 * @returns {Promise<void>}
 */
export function loadScript(address) {
  if (window.PortOne) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    const fail = () => {
      clearTimeout(timer);
      script.remove();
      reject(new Error("PortOne's script did not load"));
    };
    const timer = setTimeout(fail, TIMEOUT_MS);
    script.src = address;
    script.onerror = fail;
    script.onload = () => {
      if (!window.PortOne) return fail();
      clearTimeout(timer);
      resolve();
    };
    document.head.append(script);
  });
}

/**
 * @typedef {{ uiType?: string, paymentId?: string, redirectUrl?: string }} Request of `prepare`: PortOne's own, and ours to hand on
 * @typedef {{ code?: string, pgCode?: string, paymentToken?: string, txId?: string }} Answer
 * @typedef {{ claim: Claim, agreed: Agreed | null }} Claimed
 */

/**
 * Open the window, and say what it claims. On a phone the page may be gone before there is an answer.
 *
 * @param {Request} request
 * @param {() => void} drawn PayPal's own button is on the page, in the element with the class portone-ui-container
 * @returns {Promise<Claimed>}
 */
export async function openWindow(request, drawn) {
  try {
    return claimedBy((await (request.uiType ? byButton(request, drawn) : byWindow(request))) ?? {});
  } catch (thrown) {
    return claimedBy({ code: "Unknown", .../** @type {object} */ (thrown) });
  }
}

/** @param {object} request @returns {Promise<Answer | undefined>} */
const byWindow = (request) => requestPayment(/** @type {Parameters<typeof requestPayment>[0]} */ (request));

/** @param {object} request @param {() => void} drawn @returns {Promise<Answer>} */
function byButton(request, drawn) {
  return new Promise((onPaymentSuccess, onPaymentFail) => {
    const asked = /** @type {Parameters<typeof loadPaymentUI>[0]} */ (request);
    loadPaymentUI(asked, { onPaymentSuccess, onPaymentFail }).then(drawn, onPaymentFail);
  });
}

/** @param {Answer} answer @returns {Claimed} */
export function claimedBy(answer) {
  const { paymentToken, txId } = answer;
  const claim = claimOf(answer);
  if (claim !== "success" || !paymentToken) return { claim, agreed: null };
  return { claim, agreed: { paymentToken, ...(txId && { txId }) } };
}

/** @param {Answer} answer @returns {Claim} */
function claimOf({ code = "", pgCode = "" }) {
  if (!code) return "success";
  return /cancel/i.test(`${code} ${pgCode}`) ? "closed" : "failed";
}

/** What PortOne adds to the address that a phone comes back to. */
const ADDED = ["paymentId", "transactionType", "txId", "code", "message", "pgCode", "pgMessage", "paymentToken"];

/**
 * What a phone came back with; null where it comes from elsewhere. Its text is not for showing: anybody can write one.
 *
 * @param {string} query
 * @returns {Claimed | null}
 */
export function claimIn(query) {
  const given = Object.fromEntries(new URLSearchParams(query));
  return given.transactionType === "PAYMENT" ? claimedBy(given) : null;
}

/**
 * An address without what PortOne added the last time.
 *
 * @param {string} address
 */
export function withoutClaim(address) {
  const url = new URL(address);
  for (const name of ADDED) url.searchParams.delete(name);
  url.hash = "";
  return url.href;
}
