// The calls of a payer. A refusal of the server's is an answer; what never arrived is not.

/**
 * @import { CheckoutOptions, Session, Wish } from "../types/index.js"
 * @import { Agreed } from "./machine.js"
 */

const TIMEOUT_MS = 20_000;
const API_KEY_START = "jbk_";
/** Ways to pay for which there are cash receipts. */
const WITH_RECEIPT = ["TRANSFER", "VIRTUAL_ACCOUNT"];

/** The server said no, in a sentence for the payer. */
export class Refused extends Error {
  /** @param {{ code: string, message: string, status: number }} no */
  constructor({ code, message, status }) {
    super(message);
    this.name = "Refused";
    this.code = code;
    this.status = status;
  }
}

/**
 * @param {Pick<CheckoutOptions, "url" | "session" | "token" | "language" | "fetch">} options
 * @returns what can be asked about one session; each call throws Refused, or anything else when nobody answered
 */
export function apiOf({ url, session, token, language = "ko", fetch = globalThis.fetch.bind(globalThis) }) {
  const base = `${origin(url)}/api/v1/payments/sessions/${encodeURIComponent(session)}`;
  refuseApiKey(typeof token === "string" ? token : "");

  /**
   * @param {"GET" | "POST"} method
   * @param {string} path
   * @param {AbortSignal} signal
   * @param {object} [body]
   */
  async function call(method, path, signal, body) {
    /** @type {Record<string, string>} */
    const headers = { "accept-language": language };
    if (body) headers["content-type"] = "application/json";
    const bearer = typeof token === "function" ? await token() : token;
    if (bearer) headers.authorization = `Bearer ${refuseApiKey(bearer)}`;
    const response = await within(TIMEOUT_MS, signal, (either) =>
      fetch(base + path, {
        method,
        headers,
        body: body && JSON.stringify(body),
        cache: "no-store",
        // The session's id says who the payer is. No cookie of Jangbu's has any business in a call from a shop's page.
        credentials: "omit",
        signal: either,
      }),
    );
    const { status } = response;
    // An answer that is not JSON is a proxy's, and so none of Jangbu's.
    const answer = await response.json();
    if (response.ok) return answer.data;
    throw new Refused({ code: answer.error?.code ?? "", message: answer.error?.message ?? "", status });
  }

  return {
    /** @type {(signal: AbortSignal) => Promise<Session>} */
    read: (signal) => call("GET", "", signal),
    /** @type {(signal: AbortSignal) => Promise<Session>} */
    verify: (signal) => call("POST", "/verify", signal),
    /** @type {(signal: AbortSignal, agreed: Agreed) => Promise<Session>} */
    confirm: (signal, agreed) => call("POST", "/confirm", signal, agreed),
    /** @type {(signal: AbortSignal, wish: Wish) => Promise<{ session: Session, sdk: string, request: import("./portone.js").Request }>} */
    prepare: (signal, { method, buyer = {}, cashReceipt }) =>
      call("POST", "/prepare", signal, { method, buyer, cashReceipt }),
  };
}

/**
 * What a payer has chosen and typed, as `prepare` is told it.
 *
 * @param {FormData} given
 * @returns {Wish}
 */
export function wishOf(given) {
  const text = (/** @type {string} */ name) => String(given.get(name) ?? "").trim();
  const names = ["fullName", "phoneNumber", "email"].filter(text);
  const [method, type] = [text("method"), text("receipt")];
  const wish = { method, buyer: Object.fromEntries(names.map((name) => [name, text(name)])) };
  if (!WITH_RECEIPT.includes(method) || (type !== "PERSONAL" && type !== "CORPORATE")) return wish;
  return { ...wish, cashReceipt: { type, number: text(type) } };
}

/**
 * Not by AbortSignal.any, which payers' older telephones do not have.
 *
 * @template T
 * @param {number} ms
 * @param {AbortSignal} signal
 * @param {(either: AbortSignal) => Promise<T>} work
 */
async function within(ms, signal, work) {
  const own = new AbortController();
  const abort = () => own.abort();
  const timer = setTimeout(abort, ms);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await work(own.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

/** @param {string} url */
function origin(url) {
  const { protocol, href } = new URL(url);
  if (protocol !== "https:" && protocol !== "http:") throw new TypeError(`url is not a web address: ${url}`);
  return href.replace(/\/+$/, "");
}

/** @param {string} token */
function refuseApiKey(token) {
  if (token.startsWith(API_KEY_START)) throw new TypeError("An API key must never reach a browser. Revoke this one.");
  return token;
}
