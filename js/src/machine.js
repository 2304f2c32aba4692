// What a checkout does next, as a function: from a moment and what happened to the next moment and what is to be done.
// Nothing here calls, waits or draws. Whatever the payment window says is a hint; what the server says decides.

/**
 * @import { Session, Status, Wish } from "../types/index.js"
 *
 * @typedef {"success" | "closed" | "failed"} Claim what the window says, or the address a phone came back to
 * @typedef {{ paymentToken: string, txId?: string }} Agreed a payer's yes, on a channel where the server takes the money
 * @typedef {{ reason: string, code: string }} Objection why the server did not take it
 *
 * @typedef {object} Moment
 * @property {Status} status
 * @property {Session | null} session
 * @property {string} reason
 * @property {string} code
 * @property {boolean} hasScript
 * @property {Claim | null} claim of the try that is being asked about
 * @property {Agreed | null} agreed until the server has said what it makes of it
 * @property {Objection | null} objection
 * @property {number} asked how often, about this try
 * @property {"start" | "pay" | "check"} lost what the network took: what is done when it is back
 *
 * @typedef {{ type: "start", session?: Session | null, claim?: Claim | null, agreed?: Agreed | null }
 *   | { type: "told", session: Session }
 *   | { type: "scriptReady" } | { type: "scriptBlocked" }
 *   | { type: "pay", wish: Wish }
 *   | { type: "prepared", session: Session, request: import("./portone.js").Request }
 *   | { type: "drawn" }
 *   | { type: "closed", claim: Claim, agreed?: Agreed | null }
 *   | { type: "refused", code: string, reason: string, status: number }
 *   | { type: "unreachable" }
 *   | { type: "due" } | { type: "seen" } | { type: "retry" }} Happening
 *
 * @typedef {{ do: "read" } | { do: "verify" } | { do: "confirm", agreed: Agreed }
 *   | { do: "load", sdk: string, api: string }
 *   | { do: "prepare", wish: Wish }
 *   | { do: "open", request: import("./portone.js").Request }
 *   | { do: "wait", ms: number }} Deed
 *
 * @typedef {[Moment, ...Deed[]]} Step
 */

const ASK_AGAIN_MS = 2_500;
const ASK_SLOWLY_MS = 5_000;
const QUICK_ASKS = 6;
/** Three minutes: then the server's word stands, whatever the window said. */
const ASKS_MAX = 36;
const LOOK_EVERY_MS = 10_000;
const LOST_MS = [1_000, 2_000, 5_000, 10_000];

/** A window may be opened for these. */
const PAYABLE = new Set(["ready", "declined"]);
/** Money may still come, or go back, without anybody doing anything on this page. */
const MOVING = new Set(["pending", "refunding", "in_review"]);
/** The server knows more of the session than this page does. */
const STALE = new Set(["CHECKOUT_ALREADY_PAID", "CHECKOUT_AWAITS_MONEY"]);
const MAY_PAY = new Set(["ready", "cancelled", "failed", "paypal"]);
const WINDOW_OPEN = new Set(["paying", "paypal"]);
const MAY_RETRY = new Set(["blocked", "offline", "failed"]);

/** @type {Moment} */
export const BEGINNING = {
  status: "loading",
  session: null,
  reason: "",
  code: "",
  hasScript: false,
  claim: null,
  agreed: null,
  objection: null,
  asked: 0,
  lost: "start",
};

/** @param {Moment} moment */
export const canPay = ({ status, lost, session, hasScript }) =>
  session !== null && hasScript && (MAY_PAY.has(status) || (status === "offline" && lost === "pay"));

/** @param {Moment} moment */
export const canRetry = (moment) => MAY_RETRY.has(moment.status) && !canPay(moment);

/**
 * @param {Moment} moment
 * @param {Happening} what
 * @returns {Step}
 */
export function next(moment, what) {
  switch (what.type) {
    case "start": {
      const fresh = { ...BEGINNING, hasScript: moment.hasScript };
      // Back from a window that took the whole page: PortOne is asked, whatever the address says.
      if (what.claim) return ask({ ...fresh, claim: what.claim, agreed: what.agreed ?? null });
      return what.session ? told(fresh, what.session) : [fresh, { do: "read" }];
    }
    case "told":
      return told(moment, what.session);
    case "scriptReady":
      return shown({ ...moment, hasScript: true });
    case "scriptBlocked":
      return [said(moment, "blocked")];
    case "pay":
      if (!canPay(moment)) return [moment];
      return [
        { ...said(moment, "paying"), claim: null, agreed: null, objection: null, asked: 0 },
        { do: "prepare", wish: what.wish },
      ];
    case "prepared":
      if (moment.status !== "paying") return [moment];
      return [{ ...moment, session: what.session }, { do: "open", request: what.request }];
    case "drawn":
      return [moment.status === "paying" ? said(moment, "paypal") : moment];
    case "closed":
      if (!WINDOW_OPEN.has(moment.status)) return [moment];
      return ask({ ...moment, claim: what.claim, agreed: what.agreed ?? null, asked: 0 });
    case "refused":
      return refused(moment, what);
    case "unreachable":
      return unreachable(moment);
    case "due":
      return due(moment);
    case "seen":
      return seen(moment);
    case "retry":
      return canRetry(moment) ? goOn(moment) : [moment];
  }
}

/**
 * @param {Moment} moment
 * @param {Status} status
 * @returns {Moment}
 */
const said = (moment, status, reason = "", code = "") => ({ ...moment, status, reason, code });

/**
 * @param {Moment} moment
 * @returns {Step}
 */
const ask = (moment) => [
  { ...said(moment, "checking"), asked: moment.asked + 1 },
  moment.agreed ? { do: "confirm", agreed: moment.agreed } : { do: "verify" },
];

/**
 * @param {Moment} before
 * @param {Session} session
 * @returns {Step}
 */
function told(before, session) {
  const moment = { ...before, session, agreed: null };
  const isPayable = PAYABLE.has(session.phase);
  // Somebody tried before this page was loaded, and may have paid: that is known only after PortOne was asked.
  if (moment.status === "loading" && isPayable && session.state === "preparing") return ask(moment);
  // The window may close a moment before PortOne knows, and a decline told now may be that of the try before.
  const isTooEarly = moment.status === "checking" && moment.claim === "success" && isPayable;
  if (isTooEarly && moment.asked < ASKS_MAX) return [moment, { do: "wait", ms: pause(moment.asked) }];
  // It failed, and nobody knows why yet: the server asks PortOne about one session every other second at most.
  const isUnexplained = moment.status === "checking" && moment.claim === "failed" && session.phase === "ready";
  if (isUnexplained && !moment.objection && moment.asked < 2) return [moment, { do: "wait", ms: ASK_AGAIN_MS }];
  return shown({ ...moment, claim: isTooEarly ? null : moment.claim });
}

/** @param {number} asked */
const pause = (asked) => (asked < QUICK_ASKS ? ASK_AGAIN_MS : ASK_SLOWLY_MS);

/**
 * The server's word on the screen.
 *
 * @param {Moment} moment
 * @returns {Step}
 */
function shown(moment) {
  const { session, claim, objection } = moment;
  if (session === null) return [moment];
  const { phase } = session;
  if (PAYABLE.has(phase)) {
    if (!moment.hasScript) return [said(moment, "loading"), { do: "load", sdk: session.sdk, api: session.api ?? "v2" }];
    if (claim === "closed") return [said(moment, "cancelled")];
    if (objection) return [said(moment, "failed", objection.reason, objection.code)];
    if (claim === "failed" || phase === "declined") return [said(moment, "failed", session.failure ?? "")];
    return [said(moment, "ready")];
  }
  if (phase === "paid") return [said(moment, "done")];
  if (phase === "awaits_deposit") return [said(moment, "waiting"), { do: "wait", ms: LOOK_EVERY_MS }];
  if (phase === "pending") return [said(moment, "checking"), { do: "wait", ms: pause(moment.asked) }];
  // Over, or something newer than this program: in both cases nobody is to pay again.
  return MOVING.has(phase) ? [said(moment, "over"), { do: "wait", ms: LOOK_EVERY_MS }] : [said(moment, "over")];
}

/**
 * @param {Moment} moment
 * @param {{ code: string, reason: string, status: number }} no
 * @returns {Step}
 */
function refused(moment, { code, reason, status }) {
  if (code === "CHECKOUT_SESSION_NOT_FOUND") return [said(moment, "missing", reason, code)];
  if (moment.status === "paying") {
    if (STALE.has(code)) return ask(moment);
    // The PG behind it became known after this page was told what to ask for: what it says now is asked for.
    if (code === "CHECKOUT_BUYER_NEEDED") {
      return [{ ...said(moment, "failed", reason, code), objection: { reason, code } }, { do: "read" }];
    }
    if (code !== "CHECKOUT_SESSION_OVER" || moment.session === null) return [said(moment, "failed", reason, code)];
    return [{ ...said(moment, "over", reason, code), session: { ...moment.session, phase: "expired" } }];
  }
  const isTrouble = status >= 500 || status === 429;
  if (moment.agreed) return disagreed(moment, { code, reason, isTrouble });
  if (moment.status === "loading" && !isTrouble) return [said(moment, "failed", reason, code)];
  // Nobody could say what came of it, and it may be paid: that is no reason to say that it failed.
  return unreachable(moment);
}

/**
 * The payer agreed, and the server did not take the money: not yet, not for certain, or not at all.
 *
 * @param {Moment} moment
 * @param {{ code: string, reason: string, isTrouble: boolean }} no
 * @returns {Step}
 */
function disagreed(moment, { code, reason, isTrouble }) {
  const isUnderWay = code === "CONFIRM_IN_PROGRESS" && moment.asked < ASKS_MAX;
  if (isUnderWay) return [moment, { do: "wait", ms: pause(moment.asked) }];
  const after = { ...moment, agreed: null };
  // What is not known there is not refused: then what PortOne shows decides.
  if (code === "PORTONE_OUTCOME_UNKNOWN" || code === "CONFIRM_IN_PROGRESS") return ask(after);
  return isTrouble ? unreachable(moment) : ask({ ...after, claim: "failed", objection: { reason, code } });
}

/**
 * @param {Moment} moment
 * @returns {Step}
 */
function unreachable(moment) {
  /** @type {Deed} */
  const again = { do: "wait", ms: LOST_MS[Math.min(moment.asked, LOST_MS.length - 1)] ?? LOOK_EVERY_MS };
  switch (moment.status) {
    case "loading":
      return [{ ...said(moment, "offline"), lost: "start", asked: moment.asked + 1 }, again];
    case "paying":
      // The window was never opened, so the payer may simply press again.
      return [{ ...said(moment, "offline"), lost: "pay", asked: 0 }];
    case "checking":
      return [{ ...said(moment, "offline"), lost: "check" }, again];
    case "offline":
      return [{ ...moment, asked: moment.asked + 1 }, again];
    default:
      // A page that waits looks again later; what it shows is still true.
      return [moment, { do: "wait", ms: LOOK_EVERY_MS }];
  }
}

/**
 * A wait is over.
 *
 * @param {Moment} moment
 * @returns {Step}
 */
function due(moment) {
  switch (moment.status) {
    case "checking":
      return ask(moment);
    case "offline":
      return goOn(moment);
    case "waiting":
    case "over":
      return [moment, { do: "read" }];
    default:
      return [moment];
  }
}

/**
 * Somebody looks at the page again, or the network is back.
 *
 * @param {Moment} moment
 * @returns {Step}
 */
function seen(moment) {
  if (moment.status === "offline") return goOn(moment);
  const isMoving = moment.status === "waiting" || MOVING.has(moment.session?.phase ?? "");
  return isMoving ? [moment, { do: "verify" }] : [moment];
}

/**
 * @param {Moment} moment
 * @returns {Step}
 */
function goOn(moment) {
  if (moment.status === "blocked") return shown(moment);
  if (moment.lost === "start") return [{ ...said(moment, "loading"), claim: null }, { do: "read" }];
  if (moment.lost === "pay") return shown({ ...moment, claim: null });
  return ask(moment);
}
