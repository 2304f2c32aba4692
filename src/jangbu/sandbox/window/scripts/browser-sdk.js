// The browser SDK of the local PortOne: the global `PortOne` of portone-facts §7.1, as far as the sandbox goes.
const TYPE = { payment: "PAYMENT", issue: "ISSUE_BILLING_KEY", both: "ISSUE_BILLING_KEY_AND_PAY", who: "IDENTITY_VERIFICATION" };
const ORDER = { storeId: "string", paymentId: "string", orderName: "string", totalAmount: "number", currency: "string" };
const CALLS = {
  requestPayment: {
    transactionType: TYPE.payment,
    path: "/payments",
    required: { ...ORDER, payMethod: "string" },
    told: "paymentId",
  },
  requestIssueBillingKey: {
    transactionType: TYPE.issue,
    path: "/billing-keys",
    required: { storeId: "string", billingKeyMethod: "string" },
    told: null,
  },
  requestIssueBillingKeyAndPay: {
    transactionType: TYPE.both,
    path: "/billing-keys",
    required: { ...ORDER, billingKeyAndPayMethod: "string" },
    told: "paymentId",
  },
  requestIdentityVerification: {
    transactionType: TYPE.who,
    path: "/identity-verifications",
    required: { storeId: "string", identityVerificationId: "string" },
    told: "identityVerificationId",
  },
};

// What is wrong before the window opens is thrown; what goes wrong afterwards is returned with a `code`.
class PortOneError extends Error {
  constructor({ code, message, ...more }) {
    super(message);
    Object.assign(this, { name: "PortOneError", code, ...more });
  }
}

function refuseIncomplete({ required, transactionType }, params) {
  const refuse = (message) => {
    throw new PortOneError({ transactionType, code: "RequestParseFailed", message });
  };
  const wrong = Object.entries(required).find(([name, type]) => typeof params?.[name] !== type);
  if (wrong) refuse(`${wrong[0]} (${wrong[1]}) is required`);
  if (!params.channelKey && !params.channelGroupId) refuse("channelKey or channelGroupId is required");
}

function requestBy(call) {
  const { transactionType, path, told } = call;
  return async (params) => {
    refuseIncomplete(call, params);
    const [isOpen, opened] = await ask(path, params);
    if (!isOpen) throw new PortOneError({ ...opened, transactionType });
    if (opened.code) return { ...opened, transactionType, ...(told && { [told]: params[told] }) };
    return answerIn(opened);
  };
}

const requests = Object.entries(CALLS).map(([name, call]) => [name, requestBy(call)]);
window.PortOne = Object.freeze({ ...Object.fromEntries(requests), PortOneError });
