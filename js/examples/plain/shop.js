// The page of a shop without a build step.
const checkout = document.querySelector("jangbu-checkout");
const button = document.querySelector("#order");
const says = document.querySelector("#says");

function show(session) {
  // In the address, so that a phone finds its way back to this order, and so does whoever loads the page again.
  if (!location.search) history.replaceState(null, "", `?${new URLSearchParams({ session })}`);
  checkout.setAttribute("return-url", location.href);
  checkout.setAttribute("session", session);
  checkout.hidden = false;
  button.hidden = true;
}

button.addEventListener("click", async () => {
  const answer = await fetch("/orders", { method: "POST" }).catch(() => null);
  const { session, error } = (await answer?.json()) ?? { error: "지금은 주문할 수 없습니다." };
  if (session) show(session);
  else says.textContent = error;
});

// Only to greet the payer: goods are sent on the event `checkout.completed`, which comes from server to server.
checkout.addEventListener("jangbu-done", () => {
  says.textContent = "고맙습니다. 곧 보내 드리겠습니다.";
});

const session = new URLSearchParams(location.search).get("session");
if (session) show(session);
