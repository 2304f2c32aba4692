// PortOne's script: got ready before anybody presses, so that a blocked one is told early and can be tried again.

/** @import { Agreed, Claim } from "./machine.js" */

const TIMEOUT_MS = 15_000;

/**
 * @typedef {object} Sdk PortOne's script of V2, as far as we use it
 * @property {(request: Request) => Promise<Answer | undefined>} requestPayment
 * @property {(request: Request, told: { onPaymentSuccess: (answer: Answer) => void, onPaymentFail: (answer: Answer) => void }) => Promise<void>} loadPaymentUI
 */

/**
 * @typedef {object} Imp V1's script
 * @property {(userCode: string) => void} init
 * @property {(pay: object, told: (answer: Answer) => void) => void} request_pay
 */

/** @type {Record<string, "IMP" | "PortOne">} what each API's script is called once it is there */
const NAMES = { v1: "IMP", v2: "PortOne" };
const loaded = () => /** @type {{ PortOne?: Sdk, IMP?: Imp }} */ (/** @type {unknown} */ (window));

/**
 * Load the script from where the server says, unless it is there already.
 *
 * @param {string} address
 * @param {string} api
 * @returns {Promise<void>}
 */
export function loadScript(address, api) {
  const isThere = () => loaded()[NAMES[api] ?? "PortOne"] !== undefined;
  if (isThere()) return Promise.resolve();
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
      if (!isThere()) return fail();
      clearTimeout(timer);
      resolve();
    };
    document.head.append(script);
  });
}

/**
 * @typedef {{ uiType?: string, paymentId?: string, redirectUrl?: string, userCode?: string, pay?: { m_redirect_url?: string } }} Request
 *   of `prepare`: PortOne's own, and ours to hand on; with `pay` it is one of V1
 * @typedef {{ code?: string, pgCode?: string, paymentToken?: string, txId?: string }} AnswerOfV2
 * @typedef {{ imp_uid?: string | null, error_code?: string, error_msg?: string, success?: boolean, imp_success?: boolean | string }} AnswerOfV1
 * @typedef {AnswerOfV2 & AnswerOfV1} Answer
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
    if (request.pay) return claimedBy(await byImp(request.userCode ?? "", request.pay));
    return claimedBy((await (request.uiType ? byButton(request, drawn) : v2().requestPayment(request))) ?? {});
  } catch (thrown) {
    return claimedBy({ code: "Unknown", .../** @type {object} */ (thrown) });
  }
}

/** @param {Request} request @param {() => void} drawn @returns {Promise<Answer>} */
function byButton(request, drawn) {
  return new Promise((onPaymentSuccess, onPaymentFail) => {
    v2().loadPaymentUI(request, { onPaymentSuccess, onPaymentFail }).then(drawn, onPaymentFail);
  });
}

/** @param {string} userCode @param {object} pay @returns {Promise<Answer>} */
function byImp(userCode, pay) {
  const { IMP } = loaded();
  if (!IMP) throw new Error("V1's script is not there");
  IMP.init(userCode);
  return new Promise((resolve) => IMP.request_pay(pay, resolve));
}

function v2() {
  const { PortOne } = loaded();
  if (!PortOne) throw new Error("PortOne's script is not there");
  return PortOne;
}

/** @param {Answer} answer @returns {Claimed} */
export function claimedBy(answer) {
  const { paymentToken, txId } = answer;
  const claim = claimOf(answer);
  if (claim !== "success" || !paymentToken) return { claim, agreed: null };
  return { claim, agreed: { paymentToken, ...(txId && { txId }) } };
}

/** @param {Answer} answer @returns {Claim} */
function claimOf({ code = "", pgCode = "", error_code = "", error_msg = "", success = true, imp_success = success }) {
  if (!code && !error_code && String(imp_success) !== "false") return "success";
  // V1 has no code for a window that was closed either, and says it in a sentence.
  return /cancel|사용자.*취소/i.test(`${code} ${pgCode} ${error_code} ${error_msg}`) ? "closed" : "failed";
}

/** What PortOne adds to the address that a phone comes back to, and what V1 does. */
const ADDED = ["paymentId", "transactionType", "txId", "code", "message", "pgCode", "pgMessage", "paymentToken"];
const ADDED_BY_V1 = ["imp_uid", "merchant_uid", "imp_success", "error_code", "error_msg"];

/**
 * What a phone came back with; null where it comes from elsewhere. Its text is not for showing: anybody can write one.
 *
 * @param {string} query
 * @returns {Claimed | null}
 */
export function claimIn(query) {
  const given = Object.fromEntries(new URLSearchParams(query));
  const isOfV1 = given.imp_uid !== undefined && given.merchant_uid !== undefined;
  return given.transactionType === "PAYMENT" || isOfV1 ? claimedBy(given) : null;
}

/**
 * An address without what PortOne added the last time.
 *
 * @param {string} address
 */
export function withoutClaim(address) {
  const url = new URL(address);
  for (const name of [...ADDED, ...ADDED_BY_V1]) url.searchParams.delete(name);
  url.hash = "";
  return url.href;
}

/**
 * The request with another page for phones to come back to.
 *
 * @param {Request} request
 * @param {string} [returnUrl]
 * @returns {Request}
 */
export function comingBackTo(request, returnUrl) {
  // PayPal's button knows no redirection.
  if (!returnUrl || request.uiType) return request;
  const address = withoutClaim(returnUrl);
  return request.pay ? { ...request, pay: { ...request.pay, m_redirect_url: address } } : { ...request, redirectUrl: address };
}
