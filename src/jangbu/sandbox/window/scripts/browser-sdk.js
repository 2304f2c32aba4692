// The browser SDK of the local PortOne: the global `PortOne` of portone-facts §7.1, as far as the sandbox goes.
const ORDER = { storeId: "string", paymentId: "string", orderName: "string", totalAmount: "number", currency: "string" };
const CALLS = {
  requestPayment: {
    transactionType: "PAYMENT",
    error: "PaymentError",
    path: "/payments",
    required: { ...ORDER, payMethod: "string" },
    result: ["paymentId", "txId"],
  },
  requestIssueBillingKey: {
    transactionType: "ISSUE_BILLING_KEY",
    error: "IssueBillingKeyError",
    path: "/billing-keys",
    required: { storeId: "string", billingKeyMethod: "string" },
    result: ["billingKey"],
  },
  requestIssueBillingKeyAndPay: {
    transactionType: "ISSUE_BILLING_KEY_AND_PAY",
    error: "IssueBillingKeyAndPayError",
    path: "/billing-keys",
    required: { ...ORDER, billingKeyAndPayMethod: "string" },
    result: ["paymentId", "txId", "billingKey"],
  },
  requestIdentityVerification: {
    transactionType: "IDENTITY_VERIFICATION",
    error: "IdentityVerificationError",
    path: "/identity-verifications",
    required: { storeId: "string", identityVerificationId: "string" },
    result: ["identityVerificationId", "identityVerificationTxId"],
  },
};

// What is wrong before the window opens is thrown; what goes wrong afterwards is returned with a `code`. The npm
// package tells the errors apart by the name of the type alone: its classes are not those of PortOne's script.
class PortOneError extends Error {
  constructor(type, { message, ...more }) {
    super(message);
    Object.assign(this, { name: "PortOneError", __portOneErrorType: type, ...more });
  }
}

// The fields that a result has in any case; what nobody has given yet is empty.
function blank({ transactionType, result }, params) {
  return { transactionType, ...Object.fromEntries(result.map((name) => [name, params?.[name] ?? ""])) };
}

function refuseIncomplete(call, params) {
  const refuse = (message) => {
    throw new PortOneError(call.error, { ...blank(call, params), code: "RequestParseFailed", message });
  };
  const wrong = Object.entries(call.required).find(([name, type]) => typeof params?.[name] !== type);
  if (wrong) refuse(`${wrong[0]} (${wrong[1]}) is required`);
  if (!params.channelKey && !params.channelGroupId) refuse("channelKey or channelGroupId is required");
}

function requestBy(call) {
  return async (params) => {
    refuseIncomplete(call, params);
    const [isOpen, opened] = await ask(call.path, params);
    if (!isOpen) throw new PortOneError(call.error, { ...blank(call, params), ...opened });
    if (opened.code) return { ...blank(call, params), ...opened };
    return answerIn(opened);
  };
}

const requests = Object.entries(CALLS).map(([name, call]) => [name, requestBy(call)]);
window.PortOne = Object.freeze({ ...Object.fromEntries(requests), PortOneError });
