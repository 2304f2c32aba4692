// The face of the payer's pages, which our server has drawn. What happens next is for the package to decide (js/src, served
// beside this file as js/); here its words are shown, and another screen is another page of the server's.
import { wishOf } from "./js/api.js";
import { demand } from "./js/buyer.js";
import { createCheckout } from "./js/checkout.js";

const page = document.querySelector("[data-shows]");
const form = document.getElementById("form");
const known = JSON.parse(document.getElementById("session").textContent);
const checkout = createCheckout({
  url: window.location.origin,
  session: known.sessionId,
  language: document.documentElement.lang,
  returned: window.location.search,
  known,
});
const pageFor = (phase) => (["ready", "declined"].includes(phase) ? "form" : phase);

function show(state) {
  const { status, session } = state;
  // While it is not known what came of a try, nobody is sent anywhere; that the PG decides later is an answer.
  const isKnown = status !== "offline" && (status !== "checking" || session?.phase === "pending");
  const isElsewhere = session !== null && pageFor(session.phase) !== page.dataset.shows;
  if (status === "missing" || (isKnown && isElsewhere)) window.location.assign(`/pay/${encodeURIComponent(known.sessionId)}`);
  else if (form) say(state);
}

function say({ status, session, reason, code, canPay, canRetry }) {
  demand(form, session ?? known);
  const [submit, retry, paypal] = ["submit", "retry", "paypal"].map((id) => document.getElementById(id));
  // PayPal's own button takes the place of ours, until the payer chooses another way; what it says still counts.
  const isPayPal = status === "paypal" && new FormData(form).get("method") === "PAYPAL";
  const isSilent = status === "ready" || (status === "paypal" && !isPayPal);
  const words = status === "failed" && code ? "refused" : status;
  for (const each of form.querySelectorAll("[data-says]")) {
    each.hidden = isSilent || each.dataset.says !== words;
    each.querySelector("[data-reason]").textContent = status === "failed" && !each.hidden ? reason : "";
  }
  page.setAttribute("aria-busy", String(["loading", "paying", "checking"].includes(status)));
  paypal.hidden = !isPayPal;
  submit.hidden = isPayPal;
  // From now on not `disabled`, which would take the focus away from whoever has just pressed it.
  submit.disabled = false;
  submit.setAttribute("aria-disabled", String(!canPay));
  retry.hidden = !canRetry;
}

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  checkout.pay(wishOf(new FormData(form)));
});
form?.addEventListener("change", () => say(checkout.state));
document.getElementById("retry")?.addEventListener("click", checkout.retry);

const copy = document.getElementById("copy");
if (copy && navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    const written = navigator.clipboard.writeText(known.account.number);
    const said = await written.then(() => "copied", () => "not_copied");
    for (const each of page.querySelectorAll("[data-says]")) each.hidden = each.dataset.says !== said;
  });
}

document.getElementById("late")?.remove();
checkout.subscribe(() => show(checkout.state));
show(checkout.state);
checkout.start();
