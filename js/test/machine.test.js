import assert from "node:assert/strict";
import { test } from "node:test";
import { askedOf } from "../src/buyer.js";
import { BEGINNING, canPay, canRetry, next } from "../src/machine.js";
import { sessionOf } from "./sessions.js";

/** @import { Deed, Happening, Moment } from "../src/machine.js" */

/** @type {Happening} */
const PAY = { type: "pay", wish: { method: "CARD" } };
/** @param {string} code @param {number} [status] @returns {Happening} */
const no = (code, status = 409) => ({ type: "refused", code, reason: "because", status });
/** @param {string} [phase] @param {object} [more] @returns {Happening} */
const told = (phase, more) => ({ type: "told", session: sessionOf(phase, more) });
/** @param {"success" | "closed" | "failed"} claim @returns {Happening} */
const closed = (claim) => ({ type: "closed", claim });
/** @type {Happening} */
const PREPARED = { type: "prepared", session: sessionOf("ready", { state: "preparing" }), request: { paymentId: "p" } };

/**
 * @param {Happening[]} happenings
 * @param {Moment} [from]
 * @returns {{ moment: Moment, deeds: Deed[], wants: string[] }} where they lead, and what the last one wants done
 */
function after(happenings, from = BEGINNING) {
  let moment = from;
  /** @type {Deed[]} */
  let deeds = [];
  for (const each of happenings) [moment, ...deeds] = next(moment, each);
  return { moment, deeds, wants: deeds.map((deed) => deed.do) };
}

/** @type {Happening[]} */
const READY = [{ type: "start" }, told(), { type: "scriptReady" }];
const OPEN = [...READY, PAY, PREPARED];

test("a payer pays: read, script, prepare, window, and the server's word", () => {
  const walk = [...OPEN, closed("success"), told("paid")];
  const seen = walk.map((_, index) => {
    const { moment, wants } = after(walk.slice(0, index + 1));
    return [moment.status, ...wants];
  });
  assert.deepEqual(seen, [
    ["loading", "read"],
    ["loading", "load"],
    ["ready"],
    ["paying", "prepare"],
    ["paying", "open"],
    ["checking", "verify"],
    ["done"],
  ]);
});

test("a page that came with the session asks for nothing first, unless somebody may have paid", () => {
  const from = (/** @type {object} */ more) => after([{ type: "start", session: sessionOf("ready", more) }]).wants;
  assert.deepEqual(from({ state: "open" }), ["load"]);
  assert.deepEqual(from({ state: "preparing" }), ["verify"]);
  assert.deepEqual(after([{ type: "start", session: sessionOf(), claim: "success" }]).wants, ["verify"]);
});

test("a decline says why, and another try may be made", () => {
  const { moment } = after([...OPEN, closed("failed"), told("declined", { failure: "한도 초과" })]);
  assert.deepEqual([moment.status, moment.reason, canPay(moment)], ["failed", "한도 초과", true]);
  assert.equal(after([PAY], moment).moment.reason, "");
});

test("a failure that the server has not heard of yet is asked about once more", () => {
  const first = after([...OPEN, closed("failed"), told("ready")]);
  assert.deepEqual([first.moment.status, first.wants], ["checking", ["wait"]]);
  const second = after([{ type: "due" }, told("declined", { failure: "한도 초과" })], first.moment);
  assert.deepEqual([second.moment.status, second.moment.reason], ["failed", "한도 초과"]);
  assert.equal(after([{ type: "due" }, told("ready")], first.moment).moment.status, "failed");
});

test("who looks again while it is being checked does not cut the answer off", () => {
  assert.deepEqual(after([...OPEN, closed("success"), { type: "seen" }]).wants, []);
});

test("a window that was closed is told apart, even after a decline before it", () => {
  const { moment } = after([...OPEN, closed("closed"), told("declined", { failure: "한도 초과" })]);
  assert.deepEqual([moment.status, moment.reason, canPay(moment)], ["cancelled", "", true]);
});

for (const phase of ["ready", "declined"]) {
  test(`the window says paid and the server ${phase}: ask again, and nobody may pay meanwhile`, () => {
    let { moment } = after([...OPEN, closed("success")]);
    let waits = 0;
    for (let rounds = 0; rounds < 100 && moment.status === "checking"; rounds += 1) {
      const one = after([told(phase)], moment);
      moment = one.moment;
      if (moment.status !== "checking") break;
      assert.deepEqual([one.wants, canPay(moment)], [["wait"], false]);
      const due = after([{ type: "due" }], moment);
      assert.deepEqual(due.wants, ["verify"]);
      moment = due.moment;
      waits += 1;
    }
    // After minutes the server's word stands.
    assert.deepEqual([moment.status, waits], [phase === "ready" ? "ready" : "failed", 35]);
  });
}

test("the window says no and the server paid: it is paid", () => {
  for (const claim of /** @type {const} */ (["closed", "failed"])) {
    assert.equal(after([...OPEN, closed(claim), told("paid")]).moment.status, "done");
  }
});

test("a page that was loaded again in the middle asks PortOne before anybody may pay", () => {
  const { moment, wants } = after([{ type: "start" }, told("ready", { state: "preparing" })]);
  assert.deepEqual([moment.status, wants], ["checking", ["verify"]]);
  const free = after([told("ready", { state: "preparing" }), { type: "scriptReady" }], moment);
  assert.equal(free.moment.status, "ready");
});

test("a phone that comes back is believed nothing: PortOne is asked", () => {
  const { moment, wants } = after([{ type: "start", claim: "success" }]);
  assert.deepEqual([moment.status, wants], ["checking", ["verify"]]);
  assert.deepEqual(after([told("ready")], moment).wants, ["wait"]);
  const back = after([{ type: "start", claim: "closed" }, told("ready"), { type: "scriptReady" }]);
  assert.equal(back.moment.status, "cancelled");
});

test("an account is waited for, looked at now and then, and PortOne is asked when the payer is back", () => {
  const { moment, deeds } = after([...OPEN, closed("success"), told("awaits_deposit")]);
  assert.deepEqual([moment.status, deeds], ["waiting", [{ do: "wait", ms: 10_000 }]]);
  assert.deepEqual(after([{ type: "due" }], moment).wants, ["read"]);
  assert.deepEqual(after([{ type: "seen" }], moment).wants, ["verify"]);
  const lost = after([{ type: "due" }, { type: "unreachable" }], moment);
  assert.deepEqual([lost.moment.status, lost.wants], ["waiting", ["wait"]]);
  assert.equal(after([{ type: "due" }, told("paid")], moment).moment.status, "done");
});

test("a blocked script is told, and tried again", () => {
  const { moment } = after([{ type: "start" }, told(), { type: "scriptBlocked" }]);
  assert.deepEqual([moment.status, canPay(moment), canRetry(moment)], ["blocked", false, true]);
  const again = after([{ type: "retry" }], moment);
  assert.deepEqual([again.moment.status, again.wants], ["loading", ["load"]]);
});

test("the network lost at the beginning: tried again by itself, slower and slower", () => {
  let { moment, deeds } = after([{ type: "start" }, { type: "unreachable" }]);
  const pauses = [];
  for (let tries = 0; tries < 5; tries += 1) {
    assert.deepEqual([moment.status, canRetry(moment)], ["offline", true]);
    pauses.push(...deeds.map((deed) => deed.do === "wait" && deed.ms));
    ({ moment, deeds } = after([{ type: "due" }, { type: "unreachable" }], moment));
  }
  assert.deepEqual(pauses, [1_000, 2_000, 5_000, 10_000, 10_000]);
  assert.deepEqual(after([{ type: "seen" }], moment).wants, ["read"]);
});

test("the network lost before the window opened: the payer may press again", () => {
  const { moment, wants } = after([...READY, PAY, { type: "unreachable" }]);
  assert.deepEqual([moment.status, wants, canPay(moment), canRetry(moment)], ["offline", [], true, false]);
  assert.deepEqual(after([PAY], moment).wants, ["prepare"]);
  assert.equal(after([{ type: "seen" }], moment).moment.status, "ready");
});

test("the network lost after the window closed: nobody may pay until the server said what came of it", () => {
  let { moment, wants } = after([...OPEN, closed("success"), { type: "unreachable" }]);
  assert.deepEqual([moment.status, wants, canPay(moment), canRetry(moment)], ["offline", ["wait"], false, true]);
  for (const back of /** @type {Happening[]} */ ([{ type: "due" }, { type: "seen" }, { type: "retry" }])) {
    const again = after([back], moment);
    assert.deepEqual([again.moment.status, again.wants], ["checking", ["verify"]]);
    assert.equal(after([told("paid")], again.moment).moment.status, "done");
  }
});

test("who is refused because it is paid sees that it is paid", () => {
  for (const code of ["CHECKOUT_ALREADY_PAID", "CHECKOUT_AWAITS_MONEY"]) {
    const { moment, wants } = after([...READY, PAY, no(code)]);
    assert.deepEqual([moment.status, wants, canPay(moment)], ["checking", ["verify"], false]);
  }
});

test("a refusal to begin is told in the server's words, and another try may be made", () => {
  const { moment } = after([...READY, PAY, no("OUT_OF_STOCK")]);
  const { status, code, reason } = moment;
  assert.deepEqual([status, code, reason, canPay(moment)], ["failed", "OUT_OF_STOCK", "because", true]);
});

test("too late is over", () => {
  const { moment } = after([...READY, PAY, no("CHECKOUT_SESSION_OVER", 410)]);
  assert.deepEqual([moment.status, moment.session?.phase, canPay(moment)], ["over", "expired", false]);
});

test("no such session", () => {
  const { moment } = after([{ type: "start" }, no("CHECKOUT_SESSION_NOT_FOUND", 404)]);
  assert.deepEqual([moment.status, canPay(moment), canRetry(moment)], ["missing", false, false]);
});

test("while it is being checked, no refusal makes a payment failed", () => {
  for (const each of [no("PORTONE_UNCLEAR", 503), no("UNAUTHORIZED", 401), no("TOO_MANY_REQUESTS", 429)]) {
    const { moment } = after([...OPEN, closed("success"), each]);
    assert.deepEqual([moment.status, canPay(moment)], ["offline", false]);
  }
});

const AGREED = { paymentToken: "t" };
/** @type {Happening[]} */
const AGREES = [...OPEN, { type: "closed", claim: "success", agreed: AGREED }];

test("a payer's yes is told to the server until it has said what it makes of it", () => {
  const { moment, deeds } = after(AGREES);
  assert.deepEqual([moment.status, deeds], ["checking", [{ do: "confirm", agreed: AGREED }]]);
  assert.equal(after([told("paid")], moment).moment.status, "done");
  for (const between of [no("CONFIRM_IN_PROGRESS"), no("SERVICE_UNAVAILABLE", 503), no("TOO_MANY_REQUESTS", 429)]) {
    assert.deepEqual(after([between, { type: "due" }], moment).deeds, [{ do: "confirm", agreed: AGREED }]);
  }
  const lost = after([{ type: "unreachable" }], moment);
  assert.deepEqual([lost.moment.status, canPay(lost.moment)], ["offline", false]);
  assert.deepEqual(after([{ type: "due" }], lost.moment).deeds, [{ do: "confirm", agreed: AGREED }]);
});

test("where the server does not know whether it took the money, PortOne is asked", () => {
  const { moment, wants } = after([...AGREES, no("PORTONE_OUTCOME_UNKNOWN", 503)]);
  assert.deepEqual([moment.status, wants, canPay(moment)], ["checking", ["verify"], false]);
  assert.deepEqual(after([told("ready")], moment).wants, ["wait"]);
});

test("where the server did not take it, its reason is told, unless PortOne says otherwise", () => {
  const { moment, wants } = after([...AGREES, no("OUT_OF_STOCK")]);
  assert.deepEqual([moment.status, wants, canPay(moment)], ["checking", ["verify"], false]);
  assert.equal(after([told("paid")], moment).moment.status, "done");
  const { status, code, reason } = after([told("ready")], moment).moment;
  assert.deepEqual([status, code, reason], ["failed", "OUT_OF_STOCK", "because"]);
  assert.equal(after([told("ready"), PAY], moment).moment.objection, null);
});

test("a phone that comes back with a yes has it told, once", () => {
  const { moment, wants } = after([{ type: "start", claim: "success", agreed: AGREED }]);
  assert.deepEqual(wants, ["confirm"]);
  assert.deepEqual(after([told("pending"), { type: "due" }], moment).wants, ["verify"]);
});

test("who thinks better of PayPal's button takes another way, and the button's word still counts", () => {
  const { moment } = after([...OPEN, { type: "drawn" }]);
  assert.deepEqual([moment.status, canPay(moment)], ["paypal", true]);
  assert.deepEqual(after([PAY], moment).wants, ["prepare"]);
  assert.deepEqual(after([closed("success")], moment).wants, ["verify"]);
});

test("a phase that is newer than this program is nobody's to pay", () => {
  const { moment } = after([{ type: "start" }, told("something_new")]);
  assert.deepEqual([moment.status, canPay(moment)], ["over", false]);
});

test("whatever happens in whatever order: only the server makes it done, and only what it calls payable may be paid", () => {
  /** @type {Happening[]} */
  const all = [
    ...["ready", "declined", "paid", "awaits_deposit", "pending", "expired", "refunding"].map((phase) => told(phase)),
    ...READY, PAY, PREPARED, { type: "drawn" }, closed("success"), { type: "closed", claim: "success", agreed: AGREED },
    closed("closed"), closed("failed"),
    { type: "scriptBlocked" }, { type: "unreachable" }, { type: "due" }, { type: "seen" }, { type: "retry" },
    no("CHECKOUT_ALREADY_PAID"), no("CHECKOUT_SESSION_OVER"), no("OUT_OF_STOCK"), no("PORTONE_UNCLEAR", 503),
  ];
  let seed = 7;
  const chance = (/** @type {number} */ most) => (seed = (seed * 48_271) % 2_147_483_647) % most;
  for (let walk = 0; walk < 3_000; walk += 1) {
    let moment = BEGINNING;
    for (let steps = 0; steps < 25; steps += 1) {
      const what = /** @type {Happening} */ (all[chance(all.length)]);
      const [then, ...deeds] = next(moment, what);
      const phase = then.session?.phase ?? "";
      assert.ok(deeds.length <= 1, "one thing at a time");
      if (canPay(then)) assert.ok(["ready", "declined"].includes(phase) && then.hasScript, `${then.status} ${phase}`);
      if (then.status === "done") assert.equal(phase, "paid");
      if (deeds[0]?.do === "prepare") assert.ok(canPay(moment) && what.type === "pay");
      moment = then;
    }
  }
});

test("what the PG turned out to need is asked for, and the payer tries again with it", () => {
  const walk = [...READY, PAY, no("CHECKOUT_BUYER_NEEDED", 422)];
  assert.deepEqual(after(walk).wants, ["read"]);
  const { moment } = after([...walk, told("ready", { needsBuyer: { CARD: ["email"] } })]);
  assert.equal(moment.status, "failed");
  assert.equal(moment.reason, "because");
  assert.ok(canPay(moment));
  assert.deepEqual(moment.session && askedOf(moment.session), ["fullName", "phoneNumber", "email"]);
});

test("of somebody who is known only what a PG lacks is asked", () => {
  const known = sessionOf("ready", { asksBuyer: false });
  assert.deepEqual(askedOf(known), []);
  assert.deepEqual(askedOf({ ...known, needsBuyer: { CARD: ["email"], MOBILE: ["fullName", "email"] } }), ["fullName", "email"]);
});
