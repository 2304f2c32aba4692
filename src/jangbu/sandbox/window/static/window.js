// The window: one decision, then back to the shop. An account that was issued is shown on the way.
(() => {
  "use strict";

  const page = document.querySelector("main");
  const { windowId, opener, display, decisionUrl, working, trouble } = page.dataset;
  const status = document.querySelector("[role=status]");
  const buttons = [...document.querySelectorAll("main button")];
  // In an overlay the shop is around us, of a popup it is behind us.
  const shop = (display === "POPUP" && window.opener) || window.parent;
  const WAITS_FOR_MONEY = ["virtual_account", "convenience_store"];

  function setBusy(busy) {
    page.setAttribute("aria-busy", String(busy));
    for (const button of buttons) button.disabled = busy;
  }

  async function post(url, body) {
    setBusy(true);
    status.textContent = working;
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      const told = await response.json();
      if (response.ok) return told;
      // A sign-in that is refused says why.
      status.textContent = response.status === 403 && told.message ? told.message : trouble;
    } catch {
      status.textContent = trouble;
    }
    setBusy(false);
    return null;
  }

  async function decide(decision) {
    const result = await post(decisionUrl, decision);
    if (result === null) return;
    const failed = result.code ?? result.error_code;
    const shows = decision.action === "approve" && WAITS_FOR_MONEY.includes(decision.method);
    if (shows && !failed && !result.paymentToken) window.location.reload();
    else goBack(result);
  }

  function goBack({ redirectTo, ...result }) {
    if (display === "REDIRECTION") {
      window.location.assign(redirectTo);
    } else if (shop !== window) {
      shop.postMessage({ windowId, result }, opener || "*");
    } else {
      // Somebody opened the window by its address: there is nobody to answer.
      window.location.reload();
    }
  }

  // What is typed and picked, but for what belongs to a way to pay that was not chosen.
  function answers() {
    const fields = [...document.querySelectorAll("main [name]")];
    const given = fields.filter((field) => (field.type !== "radio" || field.checked) && !field.closest("[hidden]"));
    return Object.fromEntries(given.map((field) => [field.name, field.type === "checkbox" ? field.checked : field.value]));
  }

  function showChoices() {
    const chosen = document.querySelector("input[name=method]:checked")?.value;
    for (const field of document.querySelectorAll("[data-of]")) field.hidden = field.dataset.of !== chosen;
    // A wallet may have a card in it, and a card is paid with on terms.
    const picked = document.querySelector("[data-of]:not([hidden]) select")?.value ?? "";
    const isCard = chosen === "card" || picked.startsWith("CARD");
    for (const field of document.querySelectorAll("[data-cards]")) field.hidden = !isCard;
  }

  for (const button of document.querySelectorAll("button[data-action]")) {
    button.addEventListener("click", () => {
      const { action, reason } = button.dataset;
      decide({ action, ...(reason && { reason }), ...("asks" in button.dataset && answers()) });
    });
  }
  for (const button of document.querySelectorAll("button[data-sign-in]")) {
    button.addEventListener("click", async () => {
      if ((await post(button.dataset.signIn, answers())) !== null) window.location.reload();
    });
  }
  for (const button of document.querySelectorAll("button[data-email]")) {
    button.addEventListener("click", () => {
      const { email, password } = button.dataset;
      for (const [name, value] of Object.entries({ email, password })) {
        document.querySelector(`input[name=${name}]`).value = value;
      }
    });
  }
  for (const button of document.querySelectorAll("button[data-deposit]")) {
    button.addEventListener("click", async () => {
      if ((await post(button.dataset.deposit, {})) !== null) window.location.reload();
    });
  }
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.addEventListener("click", () => {
      // navigator.clipboard asks for a permission that a frame of another origin does not have.
      const field = document.createElement("textarea");
      field.value = button.dataset.copy;
      button.after(field);
      field.select();
      if (document.execCommand("copy")) status.textContent = button.dataset.done;
      field.remove();
      button.focus();
    });
  }
  document.addEventListener("change", showChoices);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && page.getAttribute("aria-busy") !== "true") decide({ action: "close" });
  });
  showChoices();
  // The buttons come disabled: a click before this line would be lost.
  setBusy(false);
})();
