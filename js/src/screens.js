// What the element shows for each moment. A screen stays while only what it says changes, so that nothing typed, chosen
// or focused is lost.
import { wishOf } from "./api.js";
import { demand } from "./buyer.js";
import { h } from "./dom.js";
import { inSeoul, money } from "./format.js";
import { WORDS } from "./words.js";

/**
 * @import { CheckoutState, Session, Wish } from "../types/index.js"
 *
 * @typedef {object} Press what a payer can do
 * @property {(wish: Wish) => void} pay
 * @property {() => void} retry
 *
 * @typedef {(key: string, values?: Record<string, string>) => string} Say
 *
 * @typedef {object} Screen
 * @property {string} key which screen this is; another key is another screen
 * @property {HTMLElement} node
 * @property {(state: CheckoutState) => void} update
 */

const PAYABLE = new Set(["ready", "declined"]);
const BAD = new Set(["failed", "blocked", "offline"]);
/** @type {CheckoutState} */
const BLANK = { status: "loading", session: null, reason: "", code: "", canPay: false, canRetry: false };
const CURRENT = new Set(["cancelled", "refunding", "refunded", "expired", "abandoned", "in_review", "pending", "paid"]);

/** @param {"ko" | "en"} language @returns {Say} */
export const sayingIn = (language) => (key, values = {}) => {
  const words = WORDS[key]?.[language === "en" ? 1 : 0] ?? "";
  return words.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
};

/** @param {CheckoutState} state */
export function keyOf({ status, session }) {
  if (session === null) {
    if (status === "loading") return "ghost";
    return status === "checking" ? "result pending" : `problem ${status === "missing" ? status : ""}`;
  }
  const { phase } = session;
  if (PAYABLE.has(phase)) return "form";
  return phase === "awaits_deposit" ? "account" : `result ${CURRENT.has(phase) ? phase : "in_review"}`;
}

/**
 * @param {CheckoutState} state
 * @param {"ko" | "en"} language
 * @param {Press} press
 * @returns {Screen}
 */
export function screenOf(state, language, press) {
  const say = sayingIn(language);
  const key = keyOf(state);
  const [kind, which = ""] = key.split(" ");
  const { session } = state;
  if (session === null && kind !== "result") return kind === "ghost" ? ghost(key, say) : problem(key, say, press);
  if (session !== null && kind === "form") return form(key, session, language, say, press);
  if (session !== null && kind === "account") return account(key, session, language, say, press);
  return result(key, session, which, language, say, press);
}

/** @param {string} text @param {string} [kind] */
const heading = (text, kind = "") => h("h2", { tabindex: "-1", class: kind }, text);

/** @param {Say} say @param {Session | null} session */
function mode(say, session) {
  if (session === null || session.mode === "live") return null;
  const name = h("strong", {}, say(`mode.${session.mode}`));
  return h("p", { class: "mode" }, name, " ", say(`mode.${session.mode}.explained`));
}

/** @param {Session} session @param {"ko" | "en"} language @param {Say} say */
function order({ lines, amount, currency }, language, say) {
  const rows = lines.map(({ nameKo, nameEn, unitPrice, quantity }) =>
    h(
      "li",
      {},
      h("span", {}, language === "en" ? nameEn : nameKo),
      h("span", { class: "muted" }, say("count", { count: String(quantity) })),
      h("span", { class: "sum" }, money(unitPrice * quantity, currency)),
    ),
  );
  const total = h("strong", {}, money(amount, currency));
  return [h("ul", { class: "lines" }, ...rows), h("p", { class: "total" }, h("span", {}, say("total")), total)];
}

/** @param {string} key @param {Say} say @returns {Screen} */
function ghost(key, say) {
  const blank = (kind = "") => h("div", { class: `ghost ${kind}`, "aria-hidden": "true" });
  const words = h("p", { class: "says", role: "status" }, say("says.loading"));
  const blanks = [blank("order"), blank(), blank(), words, blank()];
  const node = h("section", { class: "card ghosts" }, heading(say("title")), ...blanks);
  return { key, node, update: () => {} };
}

/**
 * The server could not be asked, or knows nothing of this session.
 *
 * @param {string} key
 * @param {Say} say
 * @param {Press} press
 * @returns {Screen}
 */
function problem(key, say, press) {
  const said = h("div", { class: "said", role: "status" });
  const retry = h("button", { type: "button" }, say("retry"));
  retry.addEventListener("click", press.retry);
  const isMissing = key.endsWith("missing");
  const node = h("section", { class: "card" }, heading(say(isMissing ? "missing" : "title")), said, retry);
  const update = (/** @type {CheckoutState} */ state) => {
    tell(said, isMissing ? h("p", {}, state.reason) : saysOf(state, say));
    retry.hidden = !state.canRetry;
  };
  return { key, node, update };
}

/**
 * A sentence, and the server's reason where it gave one.
 *
 * @param {CheckoutState} state
 * @param {Say} say
 */
function saysOf({ status, code, reason }, say) {
  const tone = BAD.has(status) ? "bad" : status === "cancelled" ? "waiting" : "";
  const isFailed = status === "failed";
  const words = say(`says.${isFailed && code ? "refused" : status}`);
  return h("p", { class: `says ${tone}` }, words, isFailed && reason ? h("span", {}, reason) : null);
}

/**
 * Say it aloud, once: a screen reader would read again what is put there again.
 *
 * @param {HTMLElement} said
 * @param {HTMLElement | null} words
 */
function tell(said, words) {
  if (words === null) said.replaceChildren();
  else if (!said.firstChild?.isEqualNode(words)) said.replaceChildren(words);
}

/**
 * @param {string} key
 * @param {Session} session
 * @param {"ko" | "en"} language
 * @param {Say} say
 * @param {Press} press
 * @returns {Screen}
 */
function form(key, session, language, say, press) {
  const methods = session.methods.map((method, index) =>
    choice("method", method, say(`method.${method}`) || method, index === 0),
  );
  const said = h("div", { class: "said", role: "status" });
  const submit = h("button", {}, say("submit", { amount: money(session.amount, session.currency) }));
  const retry = h("button", { type: "button", class: "plain" }, say("retry"));
  const paypal = h("slot", { name: "paypal" });
  const until = h("p", { class: "muted small" });
  const filled = h(
    "form",
    {},
    h("fieldset", {}, h("legend", {}, say("how")), ...methods),
    session.asksReceipt ? receipt(say) : null,
    buyer(say),
    said,
    paypal,
    submit,
    retry,
  );
  filled.addEventListener("submit", (event) => {
    event.preventDefault();
    press.pay(wishOf(new FormData(filled)));
  });
  retry.addEventListener("click", press.retry);
  let shown = BLANK;
  filled.addEventListener("change", () => update(shown));
  const safe = h("p", { class: "muted small" }, say("safe"));
  const head = [mode(say, session), heading(say("title")), ...order(session, language, say)];
  const node = h("section", { class: "card" }, ...head, filled, until, safe);
  const update = (/** @type {CheckoutState} */ state) => {
    shown = state;
    demand(filled, state.session ?? session);
    // PayPal's own button takes the place of ours, until the payer chooses another way; what it says still counts.
    const isPayPal = state.status === "paypal" && new FormData(filled).get("method") === "PAYPAL";
    const isSilent = state.status === "ready" || (state.status === "paypal" && !isPayPal);
    tell(said, isSilent ? null : saysOf(state, say));
    paypal.hidden = !isPayPal;
    submit.hidden = isPayPal;
    // Not `disabled`, which would take the focus away from whoever has just pressed it.
    submit.setAttribute("aria-disabled", String(!state.canPay));
    retry.hidden = !state.canRetry;
    until.textContent = say("until", { at: inSeoul(state.session?.expiresAt ?? session.expiresAt) });
  };
  return { key, node, update };
}

/** @param {string} name @param {string} value @param {string} words @param {boolean} checked */
const choice = (name, value, words, checked) =>
  h("label", { class: "method" }, h("input", { type: "radio", name, value, checked }), h("span", {}, words));

/** @param {string} words @param {Record<string, string>} attributes @param {string} [kind] */
const field = (words, attributes, kind = "") => h("label", { class: `field ${kind}` }, words, h("input", attributes));

/**
 * Shown by the style sheet where the chosen way to pay has cash receipts, and the number that the chosen kind needs.
 *
 * @param {Say} say
 */
function receipt(say) {
  const kinds = ["PERSONAL", "CORPORATE"];
  const typed = (/** @type {string} */ name) => ({ name, inputmode: "numeric", autocomplete: "off", maxlength: "40" });
  return h(
    "fieldset",
    { class: "receipt" },
    h("legend", {}, say("receipt")),
    ...["NONE", ...kinds].map((kind) => choice("receipt", kind, say(`receipt.${kind}`), kind === "NONE")),
    ...kinds.map((kind) => field(say(`receipt.number.${kind}`), typed(kind), kind)),
    h("p", { class: "muted small" }, say("receipt.kept")),
  );
}

/**
 * All of it is hidden until it is asked for.
 *
 * @param {Say} say
 */
function buyer(say) {
  const block = h(
    "details",
    { class: "buyer" },
    h("summary", {}, say("buyer"), " ", h("span", { class: "optional" }, say("buyer.optional"))),
    h("p", { class: "muted small why" }, say("buyer.needed")),
    field(say("buyer.name"), { name: "fullName", autocomplete: "name", maxlength: "100" }),
    field(say("buyer.phone"), { name: "phoneNumber", type: "tel", autocomplete: "tel", maxlength: "30" }),
    field(say("buyer.email"), { name: "email", type: "email", autocomplete: "email", maxlength: "100" }),
  );
  for (const each of [block, ...block.querySelectorAll("label")]) each.hidden = true;
  return block;
}

/**
 * @param {string} key
 * @param {Session} session
 * @param {"ko" | "en"} language
 * @param {Say} say
 * @param {Press} press
 * @returns {Screen}
 */
function account(key, session, language, say, press) {
  const { bank, number, holder, dueAt } = session.account ?? { bank: "", number: "", holder: "", dueAt: null };
  const row = (/** @type {string} */ words, /** @type {(Node | string)[]} */ ...value) =>
    h("div", {}, h("dt", {}, say(words)), h("dd", {}, ...value));
  const digits = h("span", { class: "number" }, number ?? "");
  const copied = h("div", { class: "said small", role: "status" });
  const copy = h("button", { type: "button", class: "copy" }, say("account.copy"));
  // Where a page is not secure, browsers have no clipboard for it.
  copy.hidden = !navigator.clipboard;
  copy.addEventListener("click", async () => {
    const isCopied = await navigator.clipboard.writeText(number ?? "").then(
      () => true,
      () => false,
    );
    copied.textContent = say(isCopied ? "account.copied" : "account.not_copied");
  });
  const facts = h(
    "dl",
    {},
    row("account.bank", say(`bank.${bank}`) || (bank ?? "")),
    row("account.number", digits, copy),
    holder ? row("account.holder", holder) : null,
    dueAt ? row("account.due", h("time", { datetime: dueAt }, inSeoul(dueAt))) : null,
  );
  const head = [mode(say, session), sign("waiting"), heading(say("account.title"), "centre")];
  const lead = h("p", { class: "lead" }, say("account.lead"));
  const { lines, update } = trouble(say, press);
  const node = h("section", { class: "card" }, ...head, lead, facts, copied, ...lines, ...order(session, language, say));
  return { key, node, update };
}

/** @param {string} tone */
const sign = (tone) => h("p", { class: `sign ${tone}`, "aria-hidden": "true" });

/**
 * What a screen that waits says when the server cannot be reached.
 *
 * @param {Say} say
 * @param {Press} press
 */
function trouble(say, press) {
  const retry = h("button", { type: "button", class: "plain" }, say("retry"));
  retry.addEventListener("click", press.retry);
  const said = h("div", { class: "said", role: "status" });
  const update = (/** @type {CheckoutState} */ state) => {
    tell(said, state.status === "offline" ? saysOf(state, say) : null);
    retry.hidden = !state.canRetry;
  };
  return { lines: [said, retry], update };
}

/**
 * @param {string} key
 * @param {Session | null} session
 * @param {string} phase
 * @param {"ko" | "en"} language
 * @param {Say} say
 * @param {Press} press
 * @returns {Screen}
 */
function result(key, session, phase, language, say, press) {
  const tone = { paid: "good", in_review: "bad" }[phase] ?? "waiting";
  const paidAt = session?.paidAt;
  const when = paidAt ? h("dd", {}, h("time", { datetime: paidAt }, inSeoul(paidAt))) : null;
  const { lines, update } = trouble(say, press);
  const node = h(
    "section",
    { class: "card" },
    mode(say, session),
    sign(tone),
    heading(say(`phase.${phase}`), "centre"),
    h("p", { class: "lead" }, say(`phase.${phase}.lead`)),
    ...lines,
    ...(session ? order(session, language, say) : []),
    when && h("dl", {}, h("div", {}, h("dt", {}, say("paid_at")), when)),
  );
  return { key, node, update };
}
