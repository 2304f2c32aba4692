// The browser SDK of the local PortOne: the global `PortOne` of portone-facts §7.1, as far as the sandbox goes.
(() => {
  "use strict";

  const home = new URL(document.currentScript.src).origin;
  const REQUIRED = {
    storeId: "string",
    paymentId: "string",
    orderName: "string",
    totalAmount: "number",
    currency: "string",
    payMethod: "string",
  };

  // What is wrong before the window opens is thrown; what goes wrong afterwards is returned with a `code`.
  class PortOneError extends Error {
    constructor({ code, message, ...more }) {
      super(message);
      Object.assign(this, { name: "PortOneError", code, transactionType: "PAYMENT", ...more });
    }
  }

  function refuseIncomplete(params) {
    const wrong = Object.entries(REQUIRED).find(([name, type]) => typeof params?.[name] !== type);
    if (wrong) {
      throw new PortOneError({ code: "RequestParseFailed", message: `${wrong[0]} (${wrong[1]}) is required` });
    }
    if (!params.channelKey && !params.channelGroupId) {
      throw new PortOneError({ code: "RequestParseFailed", message: "channelKey or channelGroupId is required" });
    }
  }

  async function requestPayment(params) {
    refuseIncomplete(params);
    const response = await fetch(`${home}/__browser__/payments`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(params),
    });
    const opened = await response.json();
    if (!response.ok) throw new PortOneError(opened);
    if (opened.code) return refusedBeforeOpening(params, opened);
    if (opened.display === "REDIRECTION") {
      window.location.assign(home + opened.windowUrl);
      // The page is on its way out: whoever awaits the answer finds it in the query of redirectUrl.
      return new Promise(() => {});
    }
    return answerOf(home + opened.windowUrl, opened.txId);
  }

  function refusedBeforeOpening(params, refusal) {
    return { ...refusal, paymentId: params.paymentId };
  }

  // The window in an overlay. Styles are set through the CSSOM, which a shop's strict policy allows.
  function answerOf(url, txId) {
    const overlay = document.createElement("div");
    const frame = document.createElement("iframe");
    const before = { focus: document.activeElement, overflow: document.documentElement.style.overflow };
    Object.assign(overlay.style, {
      position: "fixed",
      inset: "0",
      zIndex: "2147483647",
      display: "flex",
      alignItems: "center",
      justifyContent: "center",
      background: "rgb(15 23 42 / 0.55)",
    });
    Object.assign(frame.style, {
      width: "min(440px, 100%)",
      height: "min(720px, 100%)",
      border: "0",
      borderRadius: window.innerWidth > 480 ? "16px" : "0",
      background: "#fff",
      boxShadow: "0 24px 64px rgb(15 23 42 / 0.35)",
    });
    frame.src = url;
    frame.title = "결제창 · Payment window";
    frame.setAttribute("data-portone-window", txId);
    overlay.append(frame);
    document.documentElement.style.overflow = "hidden";
    document.body.append(overlay);
    frame.addEventListener("load", () => frame.focus());

    return new Promise((resolve) => {
      window.addEventListener("message", function hear(event) {
        if (event.origin !== home || event.source !== frame.contentWindow || event.data?.txId !== txId) return;
        window.removeEventListener("message", hear);
        overlay.remove();
        document.documentElement.style.overflow = before.overflow;
        before.focus?.focus?.();
        resolve(event.data.result);
      });
    });
  }

  window.PortOne = Object.freeze({ requestPayment, PortOneError });
})();
