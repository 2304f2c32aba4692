// What both SDKs stand on; each is served with this before it, in one function (`browser.script_of`).
const home = new URL(document.currentScript.src).origin;

async function ask(path, params) {
  const response = await fetch(`${home}/__browser__${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(params),
  });
  return [response.ok, await response.json()];
}

// Where the window takes the whole page, the page is on its way out: the answer is in the query it comes back with.
function answerIn({ windowUrl, windowId, display }) {
  if (display !== "REDIRECTION") return answerOf(home + windowUrl, windowId);
  window.location.assign(home + windowUrl);
  return new Promise(() => {});
}

// The window in an overlay. Styles are set through the CSSOM, which a shop's strict policy allows.
function answerOf(url, windowId) {
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
  frame.setAttribute("data-portone-window", windowId);
  overlay.append(frame);
  document.documentElement.style.overflow = "hidden";
  document.body.append(overlay);
  frame.addEventListener("load", () => frame.focus());

  return new Promise((resolve) => {
    window.addEventListener("message", function hear(event) {
      if (event.origin !== home || event.source !== frame.contentWindow || event.data?.windowId !== windowId) return;
      window.removeEventListener("message", hear);
      overlay.remove();
      document.documentElement.style.overflow = before.overflow;
      before.focus?.focus?.();
      resolve(event.data.result);
    });
  });
}

// PayPal's button, which both SDKs draw; pressed while its window is open it does nothing.
function drawn(label, press) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = label;
  button.setAttribute("data-portone-ui", "");
  Object.assign(button.style, {
    width: "100%",
    minHeight: "48px",
    padding: "10px 16px",
    border: "0",
    borderRadius: "8px",
    background: "#ffc439",
    color: "#142c5c",
    font: "600 16px/1.4 system-ui, sans-serif",
    cursor: "pointer",
  });
  let isOpen = false;
  button.addEventListener("click", async () => {
    if (isOpen) return;
    isOpen = true;
    await press().finally(() => {
      isOpen = false;
    });
  });
  return button;
}
