// V1's browser SDK of the local PortOne: the global `IMP` of portone-facts §7.2, as far as the sandbox goes.
let userCode = null;

function init(code) {
  userCode = code;
}

// Nothing is thrown: an answer that is a failure has an `error_code`, and goes to the callback like any other.
async function request(path, params, callback) {
  if (userCode === null) {
    callback?.(failure(params, { error_code: "NotInitialized", error_msg: "IMP.init comes first" }));
    return;
  }
  const [isOpen, opened] = await ask(path, { ...params, imp: userCode });
  const answer = isOpen && !opened.error_code ? await answerIn(opened) : failure(params, opened);
  callback?.(answer);
}

function failure({ merchant_uid }, told) {
  return { imp_uid: null, merchant_uid, success: false, imp_success: false, ...told };
}

const callWith = (path) => (params, callback) => void request(path, params, callback);
const request_pay = callWith("/v1/payments");
const certification = callWith("/v1/certifications");
window.IMP = Object.freeze({ init, request_pay, certification });
