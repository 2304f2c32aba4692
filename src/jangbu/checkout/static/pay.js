// The hosted checkout page: gets the payment window ready, opens it, and asks our server what came of it. Whatever the
// window says is a hint; only the server's answer, which asked PortOne, decides what is shown.
const page = document.getElementById("pay");
const form = document.getElementById("form");
const submit = document.getElementById("submit");
const retry = document.getElementById("retry");
const paypal = document.getElementById("paypal");
const api = `/api/v1/payments/sessions/${encodeURIComponent(page.dataset.session)}`;
const home = `/pay/${encodeURIComponent(page.dataset.session)}`;
const SCRIPT_TIMEOUT_MS = 15_000;
const ASK_AGAIN_MS = 2_500;
const ASKS_MAX = 6;
const GONE = new Set(["CHECKOUT_ALREADY_PAID", "CHECKOUT_AWAITS_MONEY", "CHECKOUT_SESSION_OVER"]);

class Refused extends Error {
  constructor({ code, message }) {
    super(message);
    this.code = code;
  }
}

// One of the sentences that the page came with, in its language; none where there is nothing to say.
function say(state, reason = "") {
  for (const each of form.querySelectorAll("[data-says]")) {
    each.hidden = each.dataset.says !== state;
    each.querySelector("[data-reason]").textContent = each.hidden ? "" : reason;
  }
  const isBusy = ["loading", "paying", "checking"].includes(state);
  page.dataset.state = state || "ready";
  page.setAttribute("aria-busy", String(isBusy));
  submit.disabled = isBusy || state === "blocked";
  retry.hidden = state !== "blocked";
  // PayPal's own button takes the place of ours.
  paypal.hidden = state !== "paypal";
  submit.hidden = state === "paypal";
}

async function call(path, body) {
  const response = await fetch(api + path, {
    method: "POST",
    // Refusals are shown to the payer: in the language of this page, whatever the browser likes best.
    headers: { "content-type": "application/json", "accept-language": document.documentElement.lang },
    body: body && JSON.stringify(body),
    cache: "no-store",
  });
  const answer = await response.json();
  if (!response.ok) throw new Refused(answer.error);
  return answer.data;
}

function loadScript() {
  if (window.PortOne) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    const timer = setTimeout(reject, SCRIPT_TIMEOUT_MS);
    script.src = page.dataset.sdk;
    script.onload = () => {
      clearTimeout(timer);
      if (window.PortOne) resolve();
      else reject();
    };
    script.onerror = () => {
      clearTimeout(timer);
      script.remove();
      reject();
    };
    document.head.append(script);
  });
}

async function getReady() {
  say("loading");
  try {
    await loadScript();
    say("");
  } catch {
    say("blocked");
  }
}

function wish() {
  const given = new FormData(form);
  const buyer = {};
  for (const name of ["fullName", "phoneNumber", "email"]) {
    const value = (given.get(name) ?? "").trim();
    if (value) buyer[name] = value;
  }
  return { method: given.get("method"), buyer };
}

const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Ask until the server has an answer: the window may close a moment before PortOne knows.
async function outcome(claim) {
  say("checking");
  for (let asked = 1; ; asked += 1) {
    const { phase, failure } = await call("/verify");
    const isSettled = phase !== "ready" || claim?.code;
    if (isSettled || asked === ASKS_MAX) return { phase, failure };
    await later(ASK_AGAIN_MS);
  }
}

// PayPal's button is drawn into our page, and what a press comes to is told to callbacks; the answer never comes when
// the payer changes their mind and takes another way to pay.
function byPayPal(request) {
  return new Promise((resolve, reject) => {
    const callbacks = { onPaymentSuccess: resolve, onPaymentFail: reject };
    window.PortOne.loadPaymentUI(request, callbacks).then(() => say("paypal"), reject);
  });
}

// On a channel with manual approval the window only brings the payer's agreement; our server's word takes the money.
// What is not known there is not refused: then what PortOne shows decides.
async function approve({ paymentToken, txId }) {
  say("checking");
  for (let asked = 1; ; asked += 1) {
    try {
      return await call("/confirm", { paymentToken, txId });
    } catch (problem) {
      if (problem.code === "PORTONE_OUTCOME_UNKNOWN") return null;
      if (problem.code !== "CONFIRM_IN_PROGRESS" || asked === ASKS_MAX) throw problem;
      await later(ASK_AGAIN_MS);
    }
  }
}

const wasClosed = ({ code = "", pgCode = "" }) => /cancel/i.test(`${code} ${pgCode}`);

async function pay() {
  say("paying");
  const { request } = await call("/prepare", wish());
  let claim;
  try {
    claim = await (request.uiType ? byPayPal(request) : window.PortOne.requestPayment(request));
  } catch (thrown) {
    claim = { code: thrown?.code ?? "Unknown", message: thrown?.message };
  }
  if (claim?.paymentToken && !claim.code) await approve(claim);
  const { phase, failure } = await outcome(claim);
  if (phase === "ready" || phase === "declined") {
    if (claim?.code && wasClosed(claim)) say("cancelled");
    else if (claim?.code) say("failed", failure ?? "");
    else window.location.assign(home);
    return;
  }
  window.location.assign(phase === "paid" ? `${home}/success` : home);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (submit.disabled) return;
  try {
    await pay();
  } catch (problem) {
    if (!(problem instanceof Refused)) say("offline");
    else if (GONE.has(problem.code)) window.location.assign(home);
    else say("refused", problem.message);
  }
});
retry.addEventListener("click", getReady);
form.addEventListener("change", () => paypal.hidden || say(""));
// Back from a window that took the whole page, the page may be shown as it was left.
window.addEventListener("pageshow", (event) => event.persisted && window.location.reload());
getReady();
