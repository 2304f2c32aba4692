// Compiled and never run: how somebody who installed the package sees its types.
import { createCheckout, type CheckoutState, type Status } from "@jangbu/checkout";
import { JangbuCheckout } from "@jangbu/checkout/element";
import { useJangbuCheckout } from "@jangbu/checkout/react";

const checkout = createCheckout({ url: "https://pay.example.com", session: "cs_1", token: async () => "t" });
const end: () => void = checkout.subscribe(() => checkout.state.reason.length);
checkout.pay({ method: checkout.state.session?.methods[0] ?? "CARD", buyer: { fullName: "김하늘" } });
end();

// @ts-expect-error a session is needed
createCheckout({ url: "https://pay.example.com" });
// @ts-expect-error a moment is never changed
checkout.state.status = "done";
// @ts-expect-error no such way to say how to pay
checkout.pay({ payMethod: "CARD" });
// @ts-expect-error no such status
const wrong: Status = "paid";

export const states: (CheckoutState | null)[] = [document.querySelector("jangbu-checkout")!.state, new JangbuCheckout().state];
document.addEventListener("jangbu-done", ({ detail }) => detail.amount + 1);

export function Pay({ session }: { session: string }) {
  const { status, canPay, pay } = useJangbuCheckout({ url: "https://pay.example.com", session });
  return status === "done" ? null : <button disabled={!canPay} onClick={() => pay({ method: "CARD" })}>{wrong}</button>;
}
