// A merchant's endpoint in Node that verifies what the sandbox delivers with the SDK's own `Webhook.verify`.
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { Webhook } from "@portone/server-sdk";
import { post, sdkOf, Shopper } from "./portone.mjs";

const WAIT_MS = 20_000;
const told = JSON.parse(await text(process.stdin));
const { base, secrets, strange } = told;
const sdk = sdkOf(told);
const shopper = new Shopper(told);
const got = [];
let heard = () => {};

const verified = (secret, body, headers) =>
  Webhook.verify(secret, body, headers).then(
    (webhook) => ({ webhook, isKnown: !Webhook.isUnrecognizedWebhook(webhook) }),
    (error) => ({ reason: error.reason, isOurs: error instanceof Webhook.WebhookVerificationError }),
  );

const server = createServer(async (request, response) => {
  const body = await text(request);
  const { headers } = request;
  const { ["webhook-signature"]: signatures, ...unsigned } = headers;
  const at = (seconds) => ({ ...headers, "webhook-timestamp": String(Number(headers["webhook-timestamp"]) + seconds) });
  const by = {};
  for (const [name, secret] of Object.entries({ ...secrets, strange })) {
    by[name] = await verified(secret, body, headers);
  }
  const wrong = {
    changed: await verified(secrets.new, body.replace("js-", "JS-"), headers),
    unsigned: await verified(secrets.new, body, unsigned),
    old: await verified(secrets.new, body, at(-400)),
    early: await verified(secrets.new, body, at(400)),
  };
  got.push({ type: JSON.parse(body).type, signatures: signatures.split(" ").length, by, wrong });
  response.end("ok");
  heard();
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const webhookUrl = `http://127.0.0.1:${server.address().port}/webhook`;

async function until(count) {
  const deadline = Date.now() + WAIT_MS;
  while (got.length < count) {
    if (Date.now() > deadline) throw new Error(`of ${count} webhooks came ${got.map(({ type }) => type)}`);
    await new Promise((resolve) => {
      heard = resolve;
      setTimeout(resolve, 100);
    });
  }
  return got.splice(0);
}

const configure = (more) => post(`${base}/__sandbox__/config`, { webhookUrl, ...more });
const arrived = {};

await configure({ webhookSecrets: [secrets.old] });
await shopper.pay("js-hook-1");
arrived.before = await until(2);
await configure({ webhookSecrets: [secrets.old, secrets.new] });
await shopper.pay("js-hook-2");
arrived.during = await until(2);
await configure({ webhookSecrets: [secrets.new] });
await shopper.pay("js-hook-3", { totalAmount: 1_000 });
await until(2);
await sdk.payment.cancelPayment({ paymentId: "js-hook-3", reason: "변심", amount: 300 });
arrived.after = await until(1);
await sdk.payment.cancelPayment({ paymentId: "js-hook-3", reason: "변심" });
arrived.after.push(...(await until(1)));
await shopper.pay("js-hook-4", { payMethod: "VIRTUAL_ACCOUNT" });
await shopper.issue({ billingKeyMethod: "CARD" });
arrived.after.push(...(await until(4)));
await post(`${base}/__sandbox__/faults`, [{ name: "webhook_bad_signature", operation: "Transaction.Ready" }]);
await shopper.open("js-hook-5");
arrived.badly = await until(1);

await configure({ webhookUrl: null, webhookSecrets: [secrets.new] });
server.close();
server.closeAllConnections();
process.stdout.write(JSON.stringify(arrived));
