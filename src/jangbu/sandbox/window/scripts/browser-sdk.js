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
    return answerIn(opened, params);
  };
}

const requests = Object.fromEntries(Object.entries(CALLS).map(([name, call]) => [name, requestBy(call)]));

// PayPal's two buttons (portone-facts §3.4): drawn where the shop says, and what a press comes to goes to its callbacks.
const BUTTONS = {
  PaymentUI: {
    uiType: "PAYPAL_SPB",
    call: "requestPayment",
    error: "LoadPaymentUIError",
    implied: { payMethod: "PAYPAL" },
    label: "PayPal로 결제 · Pay with PayPal",
    tells: { success: "onPaymentSuccess", failure: "onPaymentFail" },
  },
  IssueBillingKeyUI: {
    uiType: "PAYPAL_RT",
    call: "requestIssueBillingKey",
    error: "LoadIssueBillingKeyUIError",
    implied: {},
    label: "PayPal 등록 · Save PayPal",
    tells: { success: "onIssueBillingKeySuccess", failure: "onIssueBillingKeyFail" },
  },
};

function buttonOf({ uiType, call, error, implied, label, tells }) {
  const { transactionType, required } = CALLS[call];
  const refuse = (message, code = "RequestParseFailed") => {
    throw new PortOneError(error, { transactionType, code, message });
  };
  let asked = null;
  const readable = (params) => {
    if (params?.uiType !== uiType) refuse(`uiType (${uiType}) is required`);
    const whole = { ...params, ...implied, windowType: { pc: "UI", mobile: "UI" } };
    refuseIncomplete({ transactionType, error, required, result: [] }, whole);
    return whole;
  };

  async function load(params, callbacks) {
    const first = readable(params);
    const container = document.querySelector(".portone-ui-container");
    if (!container) refuse("an element with the class portone-ui-container is required", "BadRequest");
    asked = first;
    container.replaceChildren(drawn(label, () => pressed(callbacks)));
  }

  async function update(params) {
    if (asked === null) refuse("there is nothing loaded to be changed", "BadRequest");
    asked = readable(params);
  }

  async function pressed(callbacks) {
    // What is refused before the window opens was already loaded: the shop hears of it as of any failure.
    const result = await requests[call](asked).catch((thrown) => thrown);
    if (result instanceof Error) callbacks[tells.failure](result);
    else if (result.code) callbacks[tells.failure](new PortOneError(CALLS[call].error, result));
    else callbacks[tells.success](result);
  }

  return { load, update };
}

const drawings = Object.entries(BUTTONS).flatMap(([name, each]) => {
  const { load, update } = buttonOf(each);
  return [[`load${name}`, load], [`updateLoad${name}Request`, update]];
});
window.PortOne = Object.freeze({ ...requests, ...Object.fromEntries(drawings), PortOneError });
