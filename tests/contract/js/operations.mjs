// Each operation that the sandbox has and PortOne's JavaScript SDK too, performed through the SDK.
import assert from "node:assert/strict";

const CARD = { number: "4330121234567890", expiryYear: "31", expiryMonth: "12" };
const TEA = { orderName: "보리차", amount: { total: 11_000 }, currency: "KRW" };
const PARCEL = { company: "CJ", invoiceNumber: "123456", sentAt: "2026-08-02T10:00:00+09:00" };
const PERSON = { name: "김장부", phoneNumber: "01012345678", ipAddress: "127.0.0.1", identityNumber: "9002282" };
const DAY_MS = 24 * 60 * 60 * 1000;

async function inEscrow({ sdk, shopper }, paymentId) {
  await shopper.pay(paymentId, { payMethod: "TRANSFER", isEscrow: true });
  return sdk.payment.applyEscrowLogistics({ paymentId, logistics: PARCEL });
}

async function issueReceipt({ sdk, channels }, paymentId) {
  const answer = await sdk.payment.cashReceipt.issueCashReceipt({
    paymentId,
    channelKey: channels.card,
    type: "PERSONAL",
    customer: { identityNumber: "01012345678" },
    ...TEA,
  });
  return answer.cashReceipt.issueNumber;
}

async function issueKey({ sdk, channels }) {
  const method = { card: { credential: CARD } };
  const answer = await sdk.payment.billingKey.issueBillingKey({ method, channelKey: channels.card });
  return answer.billingKeyInfo.billingKey;
}

async function schedule(at, paymentId) {
  const billingKey = await issueKey(at);
  const answer = await at.sdk.payment.paymentSchedule.createPaymentSchedule({
    paymentId,
    payment: { billingKey, ...TEA },
    timeToPay: new Date(Date.now() + 30 * DAY_MS).toISOString(),
  });
  return { scheduleId: answer.schedule.id, billingKey };
}

async function send({ sdk, channels }, identityVerificationId) {
  await sdk.identityVerification.sendIdentityVerification({
    identityVerificationId,
    channelKey: channels.identity,
    customer: PERSON,
    operator: "SKT",
    method: "SMS",
  });
}

export const operations = {
  async login({ sdk, secret }) {
    const { accessToken, refreshToken } = await sdk.auth.loginViaApiSecret({ apiSecret: secret });
    assert.notEqual(accessToken, refreshToken);
  },
  async refresh_token({ sdk, secret }) {
    const first = await sdk.auth.loginViaApiSecret({ apiSecret: secret });
    const second = await sdk.auth.refreshToken({ refreshToken: first.refreshToken });
    assert.notEqual(second.refreshToken, first.refreshToken);
  },
  async pre_register_payment({ sdk }) {
    await sdk.payment.preRegisterPayment({ paymentId: "js-registered", totalAmount: 1_000, currency: "KRW" });
  },
  async get_payment({ sdk, shopper, channels }) {
    const { txId } = await shopper.pay("js-주문/1=가", { channelKey: channels.easyPay, payMethod: "EASY_PAY" });
    const payment = await sdk.payment.getPayment({ paymentId: "js-주문/1=가" });
    assert.deepEqual([payment.status, payment.transactionId, payment.amount.paid], ["PAID", txId, 11_000]);
  },
  async get_payments({ sdk, shopper }) {
    await shopper.pay("js-listed");
    const filter = { textSearch: [{ field: "PAYMENT_ID", value: "js-listed" }] };
    const { items, page } = await sdk.payment.getPayments({ page: { number: 0, size: 5 }, filter });
    assert.deepEqual([items.map(({ id }) => id), page.totalCount], [["js-listed"], 1]);
  },
  async get_payments_by_cursor({ sdk, shopper }) {
    await shopper.pay("js-cursor");
    const first = await sdk.payment.getAllPaymentsByCursor({ size: 1 });
    const second = await sdk.payment.getAllPaymentsByCursor({ size: 1, cursor: first.items[0].cursor });
    assert.notEqual(second.items[0].payment.id, first.items[0].payment.id);
  },
  async get_payment_events_by_cursor({ sdk, shopper }) {
    await shopper.pay("js-events");
    assert.ok((await sdk.payment.getAllPaymentEventsByCursor({ size: 1000 })).items.length);
  },
  async get_payment_transactions({ sdk, shopper }) {
    const lost = await shopper.open("js-attempts");
    await shopper.decide(lost, "decline");
    const won = (await shopper.pay("js-attempts")).txId;
    const { items } = await sdk.payment.getPaymentTransactions({ paymentId: "js-attempts" });
    assert.deepEqual(items.map(({ id, status }) => [id, status]), [[lost, "FAILED"], [won, "PAID"]]);
  },
  async resend_webhook({ sdk, shopper, base }) {
    await shopper.pay("js-resend", { noticeUrls: [`${base}/nobody-listens`] });
    const { webhook } = await sdk.payment.resendWebhook({ paymentId: "js-resend" });
    assert.equal(webhook.trigger, "MANUAL");
  },
  async confirm_payment({ sdk, shopper, channels }) {
    const { paymentToken } = await shopper.pay("js-confirm", { channelKey: channels.manual });
    const paymentId = "js-confirm";
    await sdk.payment.confirmPayment({ paymentId, paymentToken, totalAmount: 11_000, isTest: true });
    assert.equal((await sdk.payment.getPayment({ paymentId })).status, "PAID");
  },
  async pay_instantly({ sdk, channels }) {
    const paymentId = "js-instant";
    const method = { card: { credential: CARD } };
    const { payment } = await sdk.payment.payInstantly({ paymentId, channelKey: channels.card, method, ...TEA });
    assert.equal((await sdk.payment.getPayment({ paymentId })).pgTxId, payment.pgTxId);
  },
  async capture_payment({ sdk, shopper, channels }) {
    await shopper.pay("js-capture", { channelKey: channels.later });
    await sdk.payment.capturePayment({ paymentId: "js-capture" });
  },
  async cancel_payment({ sdk, shopper }) {
    const paymentId = "js-cancel";
    await shopper.pay(paymentId, { taxFreeAmount: 1_000 });
    const part = { amount: 3_000, taxFreeAmount: 800, currentCancellableAmount: 11_000 };
    const { cancellation } = await sdk.payment.cancelPayment({ paymentId, reason: "변심", ...part });
    assert.deepEqual([cancellation.status, cancellation.totalAmount], ["SUCCEEDED", 3_000]);
    assert.equal((await sdk.payment.getPayment({ paymentId })).status, "PARTIAL_CANCELLED");
    await sdk.payment.cancelPayment({ paymentId, reason: "변심" });
    const { status, amount } = await sdk.payment.getPayment({ paymentId });
    assert.deepEqual([status, amount.cancelled, amount.cancelledTaxFree], ["CANCELLED", 11_000, 1_000]);
  },
  async stop_payment_cancellation({ sdk, shopper, channels }) {
    const paymentId = "js-stop";
    await shopper.pay(paymentId, { channelKey: channels.slow });
    const { cancellation } = await sdk.payment.cancelPayment({ paymentId, reason: "변심" });
    assert.equal(cancellation.status, "REQUESTED");
    await sdk.payment.stopPaymentCancellation({ paymentId, cancellationId: cancellation.id });
    assert.equal((await sdk.payment.getPayment({ paymentId })).status, "PAID");
  },
  async close_virtual_account({ sdk, shopper }) {
    const paymentId = "js-close";
    await shopper.pay(paymentId, { payMethod: "VIRTUAL_ACCOUNT" });
    const { status, method } = await sdk.payment.getPayment({ paymentId });
    assert.deepEqual([status, method.type], ["VIRTUAL_ACCOUNT_ISSUED", "PaymentMethodVirtualAccount"]);
    assert.ok((await sdk.payment.closeVirtualAccount({ paymentId })).closedAt);
  },
  async apply_escrow_logistics(at) {
    assert.equal((await inEscrow(at, "js-sent")).invoiceNumber, "123456");
  },
  async modify_escrow_logistics(at) {
    await inEscrow(at, "js-modified");
    const asked = { paymentId: "js-modified", logistics: PARCEL };
    assert.ok((await at.sdk.payment.modifyEscrowLogistics(asked)).modifiedAt);
  },
  async confirm_escrow(at) {
    await inEscrow(at, "js-complete");
    assert.ok((await at.sdk.payment.confirmEscrow({ paymentId: "js-complete" })).completedAt);
  },
  async register_store_receipt({ sdk, shopper, channels }) {
    const customer = { fullName: "김장부", phoneNumber: "01012345678", email: "kim@shop.test" };
    await shopper.pay("js-stores", { channelKey: channels.stores, customer });
    const store = { storeBusinessRegistrationNumber: "1234567890", storeName: "찻집" };
    const items = [{ ...store, totalAmount: 11_000, currency: "KRW" }];
    await sdk.payment.registerStoreReceipt({ paymentId: "js-stores", items });
  },
  async issue_cash_receipt(at) {
    assert.ok(await issueReceipt(at, "js-receipt"));
  },
  async get_cash_receipt(at) {
    const issueNumber = await issueReceipt(at, "js-receipt-read");
    const read = await at.sdk.payment.cashReceipt.getCashReceiptByPaymentId({ paymentId: "js-receipt-read" });
    assert.equal(read.issueNumber, issueNumber);
  },
  async cancel_cash_receipt(at) {
    const paymentId = "js-receipt-end";
    const client = at.sdk.payment.cashReceipt;
    await issueReceipt(at, paymentId);
    assert.equal((await client.cancelCashReceiptByPaymentId({ paymentId })).cancelledAmount, 11_000);
    assert.equal((await client.getCashReceiptByPaymentId({ paymentId })).status, "CANCELLED");
  },
  async get_cash_receipts(at) {
    await issueReceipt(at, "js-receipt-listed");
    assert.ok((await at.sdk.payment.cashReceipt.getCashReceipts()).items.length);
  },
  async issue_billing_key(at) {
    assert.ok(await issueKey(at));
  },
  async confirm_billing_key({ sdk, shopper, channels }) {
    const made = await shopper.issue({ channelKey: channels.manual, billingKeyMethod: "CARD" });
    assert.equal(made.billingKey, "NEEDS_CONFIRMATION");
    const client = sdk.payment.billingKey;
    const { billingKey } = await client.confirmBillingKey({ billingIssueToken: made.billingIssueToken });
    assert.equal((await client.getBillingKeyInfo({ billingKey })).status, "ISSUED");
  },
  async confirm_billing_key_issue_and_pay({ sdk, shopper, channels }) {
    const paymentId = "js-first-month";
    const asked = { paymentId, channelKey: channels.manual, billingKeyAndPayMethod: "MOBILE" };
    const first = { orderName: "첫 달", totalAmount: 9_900, currency: "KRW" };
    const { billingIssueToken } = await shopper.issue({ ...asked, ...first });
    const client = sdk.payment.billingKey;
    const { billingKey } = await client.confirmBillingKeyIssueAndPay({ billingIssueToken, paymentId });
    assert.equal((await sdk.payment.getPayment({ paymentId })).billingKey, billingKey);
  },
  async get_billing_key_info(at) {
    const billingKey = await issueKey(at);
    assert.equal((await at.sdk.payment.billingKey.getBillingKeyInfo({ billingKey })).billingKey, billingKey);
  },
  async get_billing_key_infos(at) {
    await issueKey(at);
    assert.ok((await at.sdk.payment.billingKey.getBillingKeyInfos()).items.length);
  },
  async delete_billing_key(at) {
    const billingKey = await issueKey(at);
    assert.ok((await at.sdk.payment.billingKey.deleteBillingKey({ billingKey })).deletedAt);
  },
  async pay_with_billing_key(at) {
    const billingKey = await issueKey(at);
    const paymentId = "js-charge";
    const { payment } = await at.sdk.payment.payWithBillingKey({ paymentId, billingKey, ...TEA });
    const read = await at.sdk.payment.getPayment({ paymentId });
    assert.deepEqual([read.billingKey, read.pgTxId], [billingKey, payment.pgTxId]);
  },
  async create_payment_schedule(at) {
    assert.ok((await schedule(at, "js-month-1")).scheduleId);
  },
  async get_payment_schedule(at) {
    const { scheduleId, billingKey } = await schedule(at, "js-month-2");
    const read = await at.sdk.payment.paymentSchedule.getPaymentSchedule({ paymentScheduleId: scheduleId });
    assert.deepEqual([read.id, read.billingKey, read.status], [scheduleId, billingKey, "SCHEDULED"]);
  },
  async get_payment_schedules(at) {
    const { scheduleId, billingKey } = await schedule(at, "js-month-3");
    const until = new Date(Date.now() + 31 * DAY_MS).toISOString();
    const { items } = await at.sdk.payment.paymentSchedule.getPaymentSchedules({ filter: { billingKey, until } });
    assert.deepEqual(items.map(({ id }) => id), [scheduleId]);
  },
  async revoke_payment_schedules(at) {
    const { scheduleId, billingKey } = await schedule(at, "js-month-4");
    const answer = await at.sdk.payment.paymentSchedule.revokePaymentSchedules({ billingKey });
    assert.deepEqual(answer.revokedScheduleIds, [scheduleId]);
  },
  async send_identity_verification(at) {
    await send(at, "js-who-1");
  },
  async resend_identity_verification(at) {
    await send(at, "js-who-2");
    const before = await at.codeOf("js-who-2");
    await at.sdk.identityVerification.resendIdentityVerification({ identityVerificationId: "js-who-2" });
    assert.notEqual(await at.codeOf("js-who-2"), before);
  },
  async confirm_identity_verification(at) {
    await send(at, "js-who-3");
    const { identityVerification } = await at.sdk.identityVerification.confirmIdentityVerification({
      identityVerificationId: "js-who-3",
      otp: await at.codeOf("js-who-3"),
    });
    assert.equal(identityVerification.status, "VERIFIED");
    assert.equal(identityVerification.verifiedCustomer.birthDate, "1990-02-28");
  },
  async get_identity_verification(at) {
    await send(at, "js-who-4");
    const asked = { identityVerificationId: "js-who-4" };
    const read = await at.sdk.identityVerification.getIdentityVerification(asked);
    assert.deepEqual([read.status, read.requestedCustomer.name], ["READY", "김장부"]);
  },
  async get_identity_verifications(at) {
    await send(at, "js-who-5");
    assert.ok((await at.sdk.identityVerification.getIdentityVerifications()).items.length);
  },
  async get_promotion({ sdk, promotionId }) {
    const read = await sdk.payment.promotion.getPromotion({ promotionId });
    assert.equal(read.discountPolicy.partitions[0].amountFrom, 10_000);
  },
  async get_pg_card_promotions({ sdk, channels }) {
    const asked = { channelKey: channels.kcp, amount: 50_000 };
    const { promotions } = await sdk.payment.additionalFeature.getPgCardPromotions(asked);
    assert.equal(promotions[0].discountAmount, 3_000);
  },
  async get_kakaopay_payment_order({ sdk, shopper, channels }) {
    await shopper.pay("js-kakao", { channelKey: channels.easyPay, payMethod: "EASY_PAY" });
    const { pgTxId, method } = await sdk.payment.getPayment({ paymentId: "js-kakao" });
    assert.deepEqual([method.provider, method.easyPayMethod.type], ["KAKAOPAY", "PaymentMethodCard"]);
    const order = await sdk.pgSpecific.getKakaopayPaymentOrder({ pgTxId, channelKey: channels.easyPay });
    assert.equal(order.statusCode, 200);
  },
  async get_transaction_vat_report({ sdk, shopper }) {
    await shopper.pay("js-vat");
    const dateRange = { from: "2000-01-01", until: "2100-01-01" };
    const { summary } = await sdk.reconciliation.getPaymentReconciliationTransactionVatReport({ dateRange });
    assert.ok(summary.totalVatAmount > 0);
  },
  async get_settlement_vat_report({ sdk }) {
    const dateRange = { from: "2000-01-01", until: "2000-01-01" };
    const { summary } = await sdk.reconciliation.getPaymentReconciliationSettlementVatReport({ dateRange });
    assert.equal(summary.totalAmount, 0);
  },
};
