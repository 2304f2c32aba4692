/** @import { Session } from "../types/index.js" */

/**
 * A session as the server tells it.
 *
 * @param {string} [phase]
 * @param {Partial<Session>} [more]
 * @returns {Session}
 */
export const sessionOf = (phase = "ready", more = {}) => ({
  sessionId: "cs_1",
  state: "open",
  phase,
  url: "https://pay.example/pay/cs_1",
  orderName: "보리차",
  lines: [{ itemId: "i", nameKo: "보리차", nameEn: "Barley tea", unitPrice: 5500, quantity: 1 }],
  amount: 5500,
  taxFreeAmount: 0,
  currency: "KRW",
  methods: ["CARD", "VIRTUAL_ACCOUNT"],
  expiresAt: "2026-08-02T10:00:00Z",
  paidAt: null,
  failure: null,
  account: null,
  asksBuyer: true,
  sdk: "https://portone.example/sdk.js",
  mode: "sandbox",
  ...more,
});
