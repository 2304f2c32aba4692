// Performs each operation once and prints what came of it; what it is told comes as JSON on the standard input.
import { text } from "node:stream/consumers";
import { operations } from "./operations.mjs";
import { calls, exchanges, read, sdkOf, Shopper } from "./portone.mjs";

const told = JSON.parse(await text(process.stdin));
const codeOf = async (wanted) => {
  const { items } = await read(`${told.base}/__sandbox__/identity-verifications`);
  return items.find(({ identityVerificationId }) => identityVerificationId === wanted).otp;
};
const at = { ...told, sdk: sdkOf(told), shopper: new Shopper(told), codeOf };
const performed = {};
for (const [name, perform] of Object.entries(operations)) {
  const [callsBefore, exchangesBefore] = [calls.length, exchanges.length];
  const problem = await perform(at).then(() => null, (thrown) => String(thrown.stack ?? thrown));
  performed[name] = { problem, calls: calls.slice(callsBefore), exchanges: exchanges.slice(exchangesBefore) };
}
process.stdout.write(JSON.stringify(performed));
