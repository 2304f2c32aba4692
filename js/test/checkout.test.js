import assert from "node:assert/strict";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { after, before, beforeEach, mock, test } from "node:test";
import { createCheckout } from "../src/index.js";
import { claimedBy, claimIn, withoutClaim } from "../src/portone.js";
import { sessionOf } from "./sessions.js";

/** @import { Checkout, Status } from "../types/index.js" */

/** @typedef {{ method?: string, path?: string, headers: import("node:http").IncomingHttpHeaders, body: string }} Asked */

/** @type {Asked[]} */
const asked = [];
/** @type {(asked: Asked) => [number, object] | null} what the server says; null breaks the line */
let answer = () => null;
/** @type {object[]} */
let opened = [];
/** @type {(request: object) => Promise<object>} */
let payer = () => Promise.resolve({});
let url = "";
/** @type {Checkout[]} */
const going = [];

const server = createServer(async (request, response) => {
  const one = { method: request.method, path: request.url, headers: request.headers, body: await text(request) };
  asked.push(one);
  const said = answer(one);
  if (said === null) return void request.socket.destroy();
  response.writeHead(said[0], { "content-type": "application/json" }).end(JSON.stringify(said[1]));
});

before(async () => {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(null)));
  url = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (server.address()).port}`;
  const requestPayment = (/** @type {object} */ request) => {
    opened.push(request);
    return payer(request);
  };
  // The script of PortOne's is there already; its package hands calls on to it.
  Object.assign(globalThis, { window: Object.assign(new EventTarget(), { PortOne: { requestPayment } }) });
});
beforeEach(() => {
  asked.length = 0;
  opened = [];
});
after(() => {
  for (const each of going) each.stop();
  server.close();
  server.closeAllConnections();
});

/** @param {string} phase @param {object} [more] @returns {[number, object]} */
const ok = (phase, more) => [200, { data: sessionOf(phase, more), message: "", timestamp: "" }];

/** @param {Partial<import("../types/index.js").CheckoutOptions>} [more] */
function checkoutAt(more = {}) {
  const made = createCheckout({ url, session: "cs_1", language: "en", ...more });
  going.push(made);
  return made;
}

/** @param {Checkout} checkout @param {Status} status */
function until(checkout, status) {
  return new Promise((resolve) => {
    const look = () => checkout.state.status === status && resolve(checkout.state);
    checkout.subscribe(look);
    look();
  });
}

test("from the first call to paid, with nothing in it that belongs to a server", async () => {
  let paid = false;
  answer = ({ path }) => {
    if (path?.endsWith("/prepare")) {
      const request = { paymentId: "p-1", redirectUrl: "https://pay.example/pay/cs_1/return" };
      return [200, { data: { session: sessionOf("ready", { state: "preparing" }), sdk: "", request } }];
    }
    return ok(paid ? "paid" : "ready");
  };
  payer = async () => {
    paid = true;
    return { transactionType: "PAYMENT", paymentId: "p-1" };
  };
  const checkout = checkoutAt();
  /** @type {Status[]} */
  const seen = [];
  checkout.subscribe(() => seen.push(checkout.state.status));
  checkout.start();
  await until(checkout, "ready");
  checkout.pay({ method: "CARD", buyer: { fullName: "김하늘" } });
  await until(checkout, "done");
  assert.deepEqual(seen, ["loading", "loading", "ready", "paying", "paying", "checking", "done"]);
  assert.deepEqual(
    asked.map(({ method, path }) => `${method} ${path}`),
    ["GET ", "POST /prepare", "POST /verify"].map((each) => each.replace(" ", " /api/v1/payments/sessions/cs_1")),
  );
  assert.deepEqual(JSON.parse(asked[1]?.body ?? ""), { method: "CARD", buyer: { fullName: "김하늘" } });
  assert.deepEqual(opened, [{ paymentId: "p-1", redirectUrl: "https://pay.example/pay/cs_1/return" }]);
  for (const { headers } of asked) {
    assert.deepEqual([headers["accept-language"], headers.authorization, headers.cookie], ["en", undefined, undefined]);
  }
});

test("a shop's own page to come back to takes the place of Jangbu's, without what came with the last try", async () => {
  answer = ({ path }) =>
    path?.endsWith("/prepare")
      ? [200, { data: { session: sessionOf(), sdk: "", request: { paymentId: "p-1", redirectUrl: "theirs" } } }]
      : ok("ready");
  payer = async () => ({ code: "PAY_PROCESS_CANCELED", message: "" });
  const checkout = checkoutAt({ returnUrl: "https://shop.example/cart?id=7&code=X&paymentId=p-1&message=m#top" });
  checkout.start();
  await until(checkout, "ready");
  checkout.pay({ method: "CARD" });
  await until(checkout, "cancelled");
  assert.deepEqual(opened, [{ paymentId: "p-1", redirectUrl: "https://shop.example/cart?id=7" }]);
});

test("a server that hangs up is the network's fault, and what it is asked next may be answered", async () => {
  answer = () => null;
  const checkout = checkoutAt();
  checkout.start();
  await until(checkout, "offline");
  answer = () => ok("paid");
  globalThis.window.dispatchEvent(new Event("online"));
  await until(checkout, "done");
});

test("a proxy's page is no answer", async () => {
  mock.method(globalThis, "fetch", async () => new Response("<h1>502</h1>", { status: 502 }), { times: 1 });
  const checkout = checkoutAt({ fetch: globalThis.fetch });
  checkout.start();
  await until(checkout, "offline");
});

test("stopped is stopped: what is still answered is not heard, and no listener hears of it", async () => {
  let release = () => {};
  const held = new Promise((resolve) => (release = () => resolve(null)));
  const checkout = checkoutAt({
    fetch: async () => {
      await held;
      return Response.json({ data: sessionOf("paid") });
    },
  });
  checkout.start();
  let news = 0;
  checkout.subscribe(() => (news += 1));
  checkout.stop();
  release();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual([checkout.state.status, news], ["loading", 0]);
  // React mounts twice while developing: after the second time it must work.
  checkout.start();
  await until(checkout, "done");
});

test("a payer's token goes along, fresh for each call; an API key is refused", async () => {
  answer = () => ok("paid");
  let count = 0;
  const checkout = checkoutAt({ token: async () => `payer-${(count += 1)}` });
  checkout.start();
  await until(checkout, "done");
  assert.equal(asked[0]?.headers.authorization, "Bearer payer-1");
  assert.throws(() => checkoutAt({ token: "jbk_secret" }), /API key/);
});

test("no cookie goes along, whatever pages of Jangbu's the payer's browser has seen", async () => {
  /** @type {(string | undefined)[]} */
  const sent = [];
  const checkout = checkoutAt({
    fetch: async (_, init) => {
      sent.push(init?.credentials);
      return Response.json({ data: sessionOf("paid") });
    },
  });
  checkout.start();
  await until(checkout, "done");
  assert.deepEqual(sent, ["omit"]);
});

test("an address that is no web address is refused at once", () => {
  assert.throws(() => checkoutAt({ url: "javascript:alert(1)" }), TypeError);
});

test("a session's id stays one part of the path", async () => {
  answer = () => ok("paid");
  const checkout = checkoutAt({ session: "../../items?x=" });
  checkout.start();
  await until(checkout, "done");
  assert.equal(asked[0]?.path, "/api/v1/payments/sessions/..%2F..%2Fitems%3Fx%3D");
});

test("what a window and an address claim", () => {
  const claims = (/** @type {import("../src/portone.js").Answer} */ answer) => claimedBy(answer).claim;
  assert.equal(claims({}), "success");
  assert.equal(claims({ code: "PAY_PROCESS_CANCELED" }), "closed");
  assert.equal(claims({ code: "PG_PROVIDER_ERROR", pgCode: "PAY_CANCEL" }), "closed");
  assert.equal(claims({ code: "PG_PROVIDER_ERROR", pgCode: "1234" }), "failed");
  assert.deepEqual(claimedBy({ paymentToken: "t", txId: "x" }).agreed, { paymentToken: "t", txId: "x" });
  assert.equal(claimedBy({ paymentToken: "t", code: "PAY_PROCESS_CANCELED" }).agreed, null);
  assert.equal(claimIn("?paymentId=p&transactionType=PAYMENT&txId=t")?.claim, "success");
  assert.deepEqual(claimIn("?transactionType=PAYMENT&paymentToken=t")?.agreed, { paymentToken: "t" });
  assert.equal(claimIn("?paymentId=p&transactionType=PAYMENT&code=PAY_PROCESS_CANCELED")?.claim, "closed");
  assert.equal(claimIn("?paymentId=7"), null);
  assert.equal(claimIn(""), null);
  assert.equal(claims({ error_code: "F400", error_msg: "한도 초과" }), "failed");
  assert.equal(claims({ success: false }), "failed");
  assert.equal(claimIn("?imp_uid=i&merchant_uid=m")?.claim, "success");
  assert.equal(claimIn("?imp_uid=i&merchant_uid=m&imp_success=false")?.claim, "failed");
  assert.equal(withoutClaim("https://s.example/c?a=1&txId=2&transactionType=PAYMENT"), "https://s.example/c?a=1");
});

test("V1's window is opened in V1's words, and its callback is a claim like any other", async () => {
  /** @type {[string, object][]} */
  const asked = [];
  /** @type {object[]} */
  const answers = [{ imp_uid: "i", error_code: "F400", error_msg: "사용자가 결제를 취소하셨습니다" }, { imp_uid: "i" }];
  let code = "";
  const IMP = {
    init: (/** @type {string} */ given) => (code = given),
    request_pay: (/** @type {object} */ pay, /** @type {(answer: object) => void} */ told) => {
      asked.push([code, pay]);
      told(answers.shift() ?? {});
    },
  };
  Object.assign(window, { IMP });
  let paid = false;
  answer = ({ path }) => {
    const request = { userCode: "imp1", pay: { merchant_uid: "p-1", m_redirect_url: "theirs" } };
    if (path?.endsWith("/prepare")) return [200, { data: { session: sessionOf(), sdk: "", request } }];
    paid ||= path?.endsWith("/verify") === true && answers.length === 0;
    return ok(paid ? "paid" : "ready", { api: "v1" });
  };
  const checkout = checkoutAt({ returnUrl: "https://shop.example/?a=1&imp_uid=i&merchant_uid=m&imp_success=false" });
  checkout.start();
  await until(checkout, "ready");
  checkout.pay({ method: "CARD" });
  await until(checkout, "cancelled");
  checkout.pay({ method: "CARD" });
  await until(checkout, "done");
  const pay = { merchant_uid: "p-1", m_redirect_url: "https://shop.example/?a=1" };
  assert.deepEqual(asked, [["imp1", pay], ["imp1", pay]]);
});

test("where the server takes the money it is told what the payer agreed to", async () => {
  answer = ({ path }) => {
    if (path?.endsWith("/prepare")) return [200, { data: { session: sessionOf(), sdk: "", request: {} } }];
    return ok(path?.endsWith("/confirm") ? "paid" : "ready");
  };
  payer = async () => ({ paymentId: "p-1", paymentToken: "agreed", txId: "x" });
  const checkout = checkoutAt();
  checkout.start();
  await until(checkout, "ready");
  checkout.pay({ method: "CARD" });
  await until(checkout, "done");
  assert.deepEqual(JSON.parse(asked.at(-1)?.body ?? ""), { paymentToken: "agreed", txId: "x" });
  assert.equal(asked.at(-1)?.path, "/api/v1/payments/sessions/cs_1/confirm");
});

test("PayPal's button is drawn, and what a press of it comes to is heard", async () => {
  /** @type {(answer: object) => void} */
  let press = () => {};
  const loadPaymentUI = async (/** @type {object} */ request, /** @type {any} */ { onPaymentSuccess }) => {
    opened.push(request);
    press = onPaymentSuccess;
  };
  Object.assign(/** @type {any} */ (window).PortOne, { loadPaymentUI });
  let paid = false;
  answer = ({ path }) => {
    const request = { uiType: "PAYPAL_SPB", paymentId: "p-1" };
    if (path?.endsWith("/prepare")) return [200, { data: { session: sessionOf(), sdk: "", request } }];
    return ok(paid ? "paid" : "ready");
  };
  const checkout = checkoutAt({ returnUrl: "https://shop.example/" });
  checkout.start();
  await until(checkout, "ready");
  checkout.pay({ method: "PAYPAL" });
  await until(checkout, "paypal");
  assert.deepEqual(opened, [{ uiType: "PAYPAL_SPB", paymentId: "p-1" }]);
  assert.equal(checkout.state.canPay, true);
  paid = true;
  press({ paymentId: "p-1" });
  await until(checkout, "done");
});
