// What PortOne's JavaScript SDK throws when the sandbox refuses: the operation is in the class, the `type` in `data`.
import { text } from "node:stream/consumers";
import { Payment, RestError } from "@portone/server-sdk";
import * as SDK from "@portone/server-sdk";
import { exchanges, post, sdkOf, Shopper } from "./portone.mjs";

const told = JSON.parse(await text(process.stdin));
const { base, channels } = told;
const sdk = sdkOf(told);
const shopper = new Shopper(told);
const order = (name, more = {}) => post(`${base}/__sandbox__/faults`, [{ name, ...more }]);
const cancel = (paymentId, more = {}) => sdk.payment.cancelPayment({ paymentId, reason: "변심", ...more });
const thrown = [];

async function refused(class_, call) {
  const error = await call.then(() => null, (caught) => caught);
  const { method, target, status, body } = exchanges.at(-1);
  thrown.push({
    class: class_,
    isOfItsClass: error instanceof class_.split(".").reduce((found, name) => found[name], SDK),
    isRest: error instanceof RestError,
    name: error?.name,
    data: error?.data,
    message: error?.message,
    exchange: { method, target, status, body },
  });
}

await refused("Payment.GetPaymentError", sdk.payment.getPayment({ paymentId: "js-nobody" }));
const stranger = sdkOf({ ...told, secret: "pg-secret" });
await refused("Payment.GetPaymentError", stranger.payment.getPayment({ paymentId: "js-nobody" }));
const elsewhere = { paymentId: "js-nobody", storeId: "store-other" };
await refused("Payment.GetPaymentError", sdk.payment.getPayment(elsewhere));
await refused("Auth.RefreshTokenError", sdk.auth.refreshToken({ refreshToken: "worn-out" }));

await refused("Payment.CancelPaymentError", cancel("js-refused"));
await shopper.open("js-refused", { taxFreeAmount: 1_000 });
await refused("Payment.CancelPaymentError", cancel("js-refused"));
await shopper.pay("js-refused", { taxFreeAmount: 1_000 });
const wrong = [
  { amount: 11_001 },
  { amount: 11_000 },
  { amount: 2_000, taxFreeAmount: 1_001 },
  { amount: 2_000, taxFreeAmount: 1_000, vatAmount: 1_001 },
  { currentCancellableAmount: 1 },
];
for (const each of wrong) await refused("Payment.CancelPaymentError", cancel("js-refused", each));
await order("cancel_refused");
await refused("Payment.CancelPaymentError", cancel("js-refused"));
await cancel("js-refused");
await refused("Payment.CancelPaymentError", cancel("js-refused"));
await shopper.pay("js-paid");
const again = { paymentId: "js-paid", totalAmount: 1 };
await refused("Payment.PreRegisterPaymentError", sdk.payment.preRegisterPayment(again));
await refused("Payment.ResendWebhookError", sdk.payment.resendWebhook({ paymentId: "js-paid" }));
await refused("Payment.CloseVirtualAccountError", sdk.payment.closeVirtualAccount({ paymentId: "js-paid" }));
const token = { paymentId: "js-open", paymentToken: "made-up" };
await shopper.open("js-open", { channelKey: channels.manual });
await refused("Payment.ConfirmPaymentError", sdk.payment.confirmPayment(token));
const { billingKey, paymentSchedule, cashReceipt, promotion } = sdk.payment;
const key = { billingKey: "billing-key-none" };
await refused("Payment.BillingKey.GetBillingKeyInfoError", billingKey.getBillingKeyInfo(key));
await refused("Payment.BillingKey.DeleteBillingKeyError", billingKey.deleteBillingKey(key));
const tea = { orderName: "보리차", amount: { total: 1_000 }, currency: "KRW" };
const charge = { paymentId: "js-charged", ...key, ...tea };
await refused("Payment.PayWithBillingKeyError", sdk.payment.payWithBillingKey(charge));
const schedule = paymentSchedule.getPaymentSchedule({ paymentScheduleId: "none" });
await refused("Payment.PaymentSchedule.GetPaymentScheduleError", schedule);
const receipt = cashReceipt.getCashReceiptByPaymentId({ paymentId: "js-nobody" });
await refused("Payment.CashReceipt.GetCashReceiptError", receipt);
await refused("Payment.Promotion.GetPromotionError", promotion.getPromotion({ promotionId: "none" }));
const who = { identityVerificationId: "js-none" };
const { getIdentityVerification } = sdk.identityVerification;
await refused("IdentityVerification.GetIdentityVerificationError", getIdentityVerification(who));

// What nobody has heard of yet: the SDK lets it through, and tells.
await order("unknown_status", { paymentId: "js-paid" });
const unknown = await sdk.payment.getPayment({ paymentId: "js-paid" });
await order("unknown_method", { paymentId: "js-paid" });
const { method } = await sdk.payment.getPayment({ paymentId: "js-paid" });
const later = {
  status: Payment.isUnrecognizedPayment(unknown),
  method: Payment.isUnrecognizedPaymentMethod(method),
  known: Payment.isUnrecognizedPayment(await sdk.payment.getPayment({ paymentId: "js-paid" })),
};
process.stdout.write(JSON.stringify({ thrown, later }));
