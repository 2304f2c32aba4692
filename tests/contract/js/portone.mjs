// PortOne's server SDK pointed at a served sandbox, with a shopper beside it. Whatever the SDK is asked and answers
// is noted, and so is every exchange beneath it: pytest is the judge of both.
import { PortOneClient } from "@portone/server-sdk";

export const calls = [];
export const exchanges = [];

export function sdkOf({ base, secret }, more = {}) {
  return watched(PortOneClient({ secret, baseUrl: base, ...more }), []);
}

function watched(client, path) {
  return new Proxy(client, {
    get(target, name) {
      const found = target[name];
      const at = [...path, name];
      if (typeof found === "object") return watched(found, at);
      return async (options) => {
        const answer = await found(options);
        calls.push({ at, options, answer });
        return answer;
      };
    },
  });
}

// The SDK calls the global `fetch`; so does the shopper below, whose calls are none of PortOne's API.
const plainFetch = globalThis.fetch;
globalThis.fetch = async (target, init) => {
  const response = await plainFetch(target, init);
  const { pathname, search } = new URL(target);
  exchanges.push({
    method: init.method,
    target: pathname + search,
    status: response.status,
    body: await response.clone().json(),
  });
  return response;
};

export async function post(url, body) {
  const response = await plainFetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${response.status} ${url}: ${await response.text()}`);
  return response.json();
}

export async function read(url) {
  return (await plainFetch(url)).json();
}

// Somebody who pays in the browser: what the browser SDK and the window send, without either.
export class Shopper {
  constructor({ base, storeId, channels }) {
    Object.assign(this, { base, storeId, channels });
  }

  async open(paymentId, more = {}) {
    const asked = {
      storeId: this.storeId,
      channelKey: this.channels.card,
      paymentId,
      orderName: "보리차",
      totalAmount: 11_000,
      currency: "KRW",
      payMethod: "CARD",
      ...more,
    };
    return (await post(`${this.base}/__browser__/payments`, asked)).txId;
  }

  decide(transactionId, action) {
    return post(`${this.base}/__browser__/transactions/${transactionId}/decision`, { action });
  }

  async pay(paymentId, more) {
    return this.decide(await this.open(paymentId, more), "approve");
  }

  async issue(more) {
    const asked = { storeId: this.storeId, channelKey: this.channels.card, issueName: "정기 결제", ...more };
    const { issue } = await post(`${this.base}/__browser__/billing-keys`, asked);
    return post(`${this.base}/__browser__/billing-keys/${issue}/decision`, { action: "approve" });
  }
}
