// What both SDKs stand on; each is served with this before it, in one function (`browser.script_of`).
const home = new URL(document.currentScript.src).origin;

const ask = (path, params) => post(`/__browser__${path}`, params);

async function post(path, params) {
  const response = await fetch(home + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(params),
  });
  return [response.ok, await response.json()];
}

// Where the window takes the whole page, the page is on its way out: the answer is in the query it comes back with.
function answerIn({ windowUrl, windowId, leftUrl, display }, { popup, iframe } = {}) {
  const url = home + windowUrl;
  if (display === "REDIRECTION") {
    window.location.assign(url);
    return new Promise(() => {});
  }
  // Where the browser lets no popup through, the overlay does.
  const own = display === "POPUP" ? window.open(url, "", featuresOf(popup)) : null;
  return own ? answerOfPopup(own, windowId, leftUrl) : answerOf(url, windowId, iframe?.dim ?? true);
}

const POPUP = { width: 440, height: 720 };

function featuresOf(popup) {
  const middle = popup?.center && {
    left: Math.round(window.screenX + (window.outerWidth - POPUP.width) / 2),
    top: Math.round(window.screenY + (window.outerHeight - POPUP.height) / 2),
  };
  return Object.entries({ popup: 1, ...POPUP, ...middle })
    .map((pair) => pair.join("="))
    .join();
}

// What the window tells us, and nobody else.
function heard(from, windowId) {
  return new Promise((resolve) => {
    window.addEventListener("message", function hear(event) {
      if (event.origin !== home || event.source !== from || event.data?.windowId !== windowId) return;
      window.removeEventListener("message", hear);
      resolve(event.data.result);
    });
  });
}

// A popup that is shut says nothing: we ask what became of it.
function answerOfPopup(popup, windowId, leftUrl) {
  return new Promise((resolve, reject) => {
    const watch = setInterval(() => {
      if (popup.closed) done(async () => (await post(leftUrl, {}))[1]);
    }, 250);
    function done(result) {
      clearInterval(watch);
      popup.close();
      result().then(resolve, reject);
    }
    heard(popup, windowId).then((result) => done(async () => result));
  });
}

// The window in an overlay. Styles are set through the CSSOM, which a shop's strict policy allows.
function answerOf(url, windowId, dims) {
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
    background: dims ? "rgb(15 23 42 / 0.55)" : "transparent",
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

  return heard(frame.contentWindow, windowId).then((result) => {
    overlay.remove();
    document.documentElement.style.overflow = before.overflow;
    before.focus?.focus?.();
    return result;
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
