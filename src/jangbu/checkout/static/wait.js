// A page that waits: for a deposit, or for an answer about a payment. It looks now and then, and reloads on news.
const page = document.querySelector("[data-polls]");
const api = `/api/v1/payments/sessions/${encodeURIComponent(page.dataset.session)}`;
const asks = page.dataset.polls === "verify";
const EVERY_MS = asks ? 3_000 : 10_000;
const LOOKS_MAX = 720;

async function look() {
  const response = await fetch(asks ? `${api}/verify` : api, { method: asks ? "POST" : "GET", cache: "no-store" });
  if (!response.ok) return;
  const { data } = await response.json();
  if (data.phase !== page.dataset.phase) window.location.assign(`/pay/${encodeURIComponent(page.dataset.session)}`);
}

async function wait() {
  for (let looked = 0; looked < LOOKS_MAX; looked += 1) {
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    // Nobody is looking at a page in the background; and what the network refuses now it may give the next time.
    if (!document.hidden) await look().catch(() => {});
  }
}

const copy = document.getElementById("copy");
if (copy && navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    const digits = document.getElementById("number").textContent.trim();
    const isCopied = await navigator.clipboard.writeText(digits).then(() => true, () => false);
    for (const each of document.querySelectorAll("[data-says]")) {
      each.hidden = each.dataset.says !== (isCopied ? "copied" : "not_copied");
    }
  });
}
document.addEventListener("visibilitychange", () => !document.hidden && look().catch(() => {}));
wait();
