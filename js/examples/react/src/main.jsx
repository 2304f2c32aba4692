import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { Checkout } from "./checkout.jsx";

const place = document.getElementById("shop");

function Shop() {
  const [session, setSession] = useState(() => new URLSearchParams(location.search).get("session"));
  const [problem, setProblem] = useState("");

  async function begin() {
    const answer = await fetch("/orders", { method: "POST" }).catch(() => null);
    const made = (await answer?.json()) ?? { error: "지금은 주문할 수 없습니다." };
    if (made.error) return setProblem(made.error);
    // A phone finds its way back to this order, and so does whoever loads the page again.
    history.replaceState(null, "", `?${new URLSearchParams(made)}`);
    setSession(made.session);
  }

  return (
    <>
      <h1>찻집</h1>
      <p role="status">{problem}</p>
      {session ? <Checkout url={place.dataset.jangbu} id={session} /> : <button onClick={begin}>주문하기</button>}
    </>
  );
}

createRoot(place).render(
  <StrictMode>
    <Shop />
  </StrictMode>,
);
