// The payment window: one decision, then back to the shop.
(() => {
  "use strict";

  const page = document.querySelector("main");
  const { transactionId, opener, display, working, trouble } = page.dataset;
  const status = document.querySelector("[role=status]");
  const buttons = [...document.querySelectorAll("button[data-action]")];

  function setBusy(busy) {
    page.setAttribute("aria-busy", String(busy));
    for (const button of buttons) button.disabled = busy;
  }

  async function decide(decision) {
    setBusy(true);
    status.textContent = working;
    try {
      const response = await fetch(`/__browser__/transactions/${transactionId}/decision`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(decision),
      });
      if (!response.ok) throw new Error(String(response.status));
      goBack(await response.json());
    } catch {
      status.textContent = trouble;
      setBusy(false);
    }
  }

  function goBack(result) {
    if (display === "REDIRECTION") {
      window.location.assign(result.redirectTo);
    } else if (window.parent !== window) {
      window.parent.postMessage({ txId: transactionId, result }, opener || "*");
    } else {
      // Somebody opened the window by its address: there is nobody to answer.
      window.location.reload();
    }
  }

  for (const button of buttons) {
    button.addEventListener("click", () => {
      const { action, reason } = button.dataset;
      const method = document.querySelector("input[name=method]:checked")?.value;
      decide(action === "approve" ? { action, method } : action === "decline" ? { action, reason } : { action });
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && page.getAttribute("aria-busy") !== "true") decide({ action: "close" });
  });
  // The buttons come disabled: a click before this line would be lost.
  setBusy(false);
})();
