// A hosted checkout: what is agreed to, one choice, then the window that it is paid in.
(() => {
  "use strict";

  const page = document.querySelector("main");
  const { payUrl, skips, working, trouble, accent, accentHover, accentSoft } = page.dataset;
  const colors = { "--accent": accent, "--accent-hover": accentHover, "--accent-soft": accentSoft };
  for (const [name, color] of Object.entries(colors)) {
    if (color) document.documentElement.style.setProperty(name, color);
  }
  const button = document.querySelector("#pay");
  if (!button) return;
  const status = document.querySelector("[role=status]");
  const agreements = [...document.querySelectorAll("[data-agreement]")];
  let isBusy = false;

  function ready() {
    button.disabled = isBusy || !agreements.every((each) => each.checked);
  }

  function setBusy(busy, said) {
    isBusy = busy;
    status.textContent = said;
    ready();
  }

  async function pay() {
    setBusy(true, working);
    const { value: method } = document.querySelector("input[name=method]:checked");
    try {
      const response = await fetch(payUrl, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ method }),
      });
      const told = await response.json();
      if (response.ok) {
        // Whoever goes back from the window comes to the page before this one.
        window.location.replace(told.windowUrl);
        return;
      }
      setBusy(false, told.message ?? trouble);
    } catch {
      setBusy(false, trouble);
    }
  }

  button.addEventListener("click", pay);
  document.addEventListener("change", ready);
  ready();
  // What failed before is told first.
  if (skips === "true" && status.textContent === "") pay();
})();
