import { useJangbuCheckout } from "@jangbu/checkout/react";
import { useState } from "react";

const NAMES = { CARD: "카드", EASY_PAY: "간편결제", TRANSFER: "계좌이체", VIRTUAL_ACCOUNT: "가상계좌", MOBILE: "휴대폰", PAYPAL: "PayPal" };
const SAYS = {
  loading: "결제창을 준비하고 있습니다…",
  paying: "결제창에서 결제를 진행해 주세요.",
  paypal: "아래 PayPal 버튼을 눌러 주세요.",
  checking: "결제 결과를 확인하고 있습니다…",
  cancelled: "결제창을 닫으셨습니다. 결제되지 않았습니다.",
  failed: "결제되지 않았습니다.",
  waiting: "아래 계좌로 입금해 주세요.",
  done: "결제가 완료되었습니다.",
  over: "이 결제는 끝났습니다.",
  missing: "결제 정보를 찾을 수 없습니다.",
  blocked: "결제창을 불러오지 못했습니다.",
  offline: "서버에 연결하지 못했습니다. 이중으로 결제되지 않습니다.",
};
const ENDS = new Set(["waiting", "done", "over", "missing"]);

// A checkout with a face of the shop's own: all that must not be got wrong is in the hook.
export function Checkout({ url, id }) {
  // As it was when this was first drawn: another address would be another checkout.
  const [{ returnUrl, returned }] = useState(() => ({ returnUrl: location.href, returned: location.search }));
  const checkout = useJangbuCheckout({ url, session: id, returnUrl, returned });
  const { status, session, reason, canPay, canRetry, pay, retry } = checkout;
  const [method, setMethod] = useState("");
  const chosen = method || session?.methods[0];

  return (
    <section aria-label="결제">
      <p role="status">
        {SAYS[status]} {reason}
      </p>
      {session && <p>{`${session.orderName}: ${session.amount.toLocaleString("ko")} ${session.currency}`}</p>}
      {session?.account && <p>{`${session.account.bank} ${session.account.number}`}</p>}
      {session && !ENDS.has(status) && (
        <fieldset>
          <legend>결제 수단</legend>
          {session.methods.map((each) => (
            <label key={each}>
              <input type="radio" name="method" checked={each === chosen} onChange={() => setMethod(each)} />
              {NAMES[each] ?? each}
            </label>
          ))}
        </fieldset>
      )}
      <div className="portone-ui-container" hidden={status !== "paypal"} />
      {canRetry && <button onClick={retry}>다시 시도</button>}
      {session && !ENDS.has(status) && (
        <button disabled={!canPay} onClick={() => pay({ method: chosen })}>
          결제하기
        </button>
      )}
    </section>
  );
}
