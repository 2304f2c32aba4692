// PortOne's script: got ready before anybody presses, so that a blocked one is told early and can be tried again.
import { requestPayment } from "@portone/browser-sdk/v2";

/** @import { Claim } from "./machine.js" */

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
 * Open the window, and say what it claims. On a phone the page may be gone before there is an answer.
 *
 * @param {object} request of `prepare`
 * @returns {Promise<Claim>}
 */
export async function openWindow(request) {
  try {
    const answer = await requestPayment(/** @type {Parameters<typeof requestPayment>[0]} */ (request));
    return claimOf(answer ?? {});
  } catch (thrown) {
    return claimOf({ code: "Unknown", .../** @type {object} */ (thrown) });
  }
}

/** @param {{ code?: string, pgCode?: string }} answer @returns {Claim} */
export function claimOf({ code = "", pgCode = "" }) {
  if (!code) return "success";
  return /cancel/i.test(`${code} ${pgCode}`) ? "closed" : "failed";
}

/** What PortOne adds to the address that a phone comes back to. */
const ADDED = ["paymentId", "transactionType", "txId", "code", "message", "pgCode", "pgMessage", "paymentToken"];

/**
 * What a phone came back with; null where it comes from elsewhere. Its text is not for showing: anybody can write one.
 *
 * @param {string} query
 * @returns {Claim | null}
 */
export function claimIn(query) {
  const given = new URLSearchParams(query);
  if (given.get("transactionType") !== "PAYMENT") return null;
  return claimOf({ code: given.get("code") ?? "", pgCode: given.get("pgCode") ?? "" });
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
