// V1's browser SDK of the local PortOne: the global `IMP` of portone-facts §7.2, as far as the sandbox goes.
let merchant = null;

function init(imp) {
  merchant = { imp };
}

// A sub-store of the merchant's, by the code of its tier.
function agency(imp, tier) {
  merchant = { imp, tier };
}

// Nothing is thrown: an answer that is a failure has an `error_code`, and goes to the callback like any other.
async function request(path, params, callback) {
  if (merchant === null) {
    callback?.(failure(params, { error_code: "NotInitialized", error_msg: "IMP.init or IMP.agency comes first" }));
    return;
  }
  const [isOpen, opened] = await ask(path, { ...params, ...merchant });
  const answer = isOpen && !opened.error_code ? await answerIn(opened, params) : failure(params, opened);
  callback?.(answer);
}

function failure(params, told) {
  const merchant_uid = params?.merchant_uid ?? null;
  return { imp_uid: null, merchant_uid, success: false, imp_success: false, ...told };
}

const callWith = (path) => (params, callback) => void request(path, params, callback);
const request_pay = callWith("/v1/payments");
const certification = callWith("/v1/certifications");

// PayPal's button for one payment. Its window stays in the page, on a phone too.
const SPB = "paypal-spb";
let drawnFor = null;

function loadUI(uiType, params, callback) {
  const container = document.querySelector(".portone-ui-container");
  if (uiType !== SPB || !container) {
    const missing = "an element with the class portone-ui-container is required";
    const error_msg = uiType === SPB ? missing : `${uiType}: the sandbox draws ${SPB} alone; V2 has PayPal's keys`;
    callback?.(failure(params, { error_code: "RequestParseFailed", error_msg }));
    return;
  }
  drawnFor = params;
  const press = () => request("/v1/payments", { ...drawnFor, pay_method: "paypal", in_page: true }, callback);
  container.replaceChildren(drawn("PayPal로 결제 · Pay with PayPal", press));
}

// What a press asks for from here on; where nothing is drawn there is nothing to change.
function updateLoadUIRequest(uiType, params) {
  if (uiType === SPB && drawnFor !== null) drawnFor = params;
}

// What modules there are is told nowhere (portone-facts §7.2), so there are none here.
function loadModule(moduleType, params, callback) {
  const error_msg = `${moduleType}: the sandbox has no modules`;
  callback?.(failure(params, { error_code: "RequestParseFailed", error_msg }));
}

window.IMP = Object.freeze({ init, agency, request_pay, certification, loadUI, updateLoadUIRequest, loadModule });
