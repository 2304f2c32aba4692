/** One line of the order. Amounts are integers in the currency's smallest unit. */
export interface OrderLine {
  readonly itemId: string;
  readonly nameKo: string;
  readonly nameEn: string;
  readonly unitPrice: number;
  readonly quantity: number;
}

/** Where to pay in, while a virtual account is open. */
export interface Account {
  readonly bank: string | null;
  readonly number: string | null;
  readonly holder: string | null;
  readonly dueAt: string | null;
}

/** What the server says of a session. Newer servers may know phases that are not listed here. */
export type Phase =
  | "ready"
  | "declined"
  | "awaits_deposit"
  | "pending"
  | "in_review"
  | "paid"
  | "cancelled"
  | "refunding"
  | "refunded"
  | "expired"
  | "abandoned";

/** A session as its payer may see it: the answer of `GET /api/v1/payments/sessions/{id}`. */
export interface Session {
  readonly sessionId: string;
  readonly state: string;
  readonly phase: Phase | (string & {});
  readonly url: string;
  readonly orderName: string;
  readonly lines: readonly OrderLine[];
  readonly amount: number;
  readonly taxFreeAmount: number;
  readonly currency: string;
  readonly methods: readonly string[];
  readonly expiresAt: string;
  readonly paidAt: string | null;
  readonly failure: string | null;
  readonly account: Account | null;
  readonly asksBuyer: boolean;
  /** What the PG must be told besides of who buys, by way to pay; ways that lack nothing are left out. */
  readonly needsBuyer?: Readonly<Record<string, readonly (keyof Buyer)[]>>;
  /** Whether payers of transfers and virtual accounts are to be asked for a cash receipt. */
  readonly asksReceipt?: boolean;
  /** The PG keeps the money until the goods have arrived. */
  readonly isEscrow?: boolean;
  readonly sdk: string;
  /** Which of PortOne's two scripts `sdk` is; servers from before there was a choice do not say. */
  readonly api?: "v1" | "v2";
  readonly mode: "sandbox" | "test" | "live";
}

/**
 * What a page is to show.
 *
 * `loading` the session and PortOne's script · `ready` to pay · `paying` in the window · `paypal` where PayPal has drawn its
 * own button into the page's element with the class `portone-ui-container` · `checking` what came of it · `cancelled` the
 * window was closed, nothing was paid · `failed` with a `reason` · `waiting` for a deposit · `done` paid · `over` nobody is to
 * pay (see `session.phase`) · `missing` there is no such session · `blocked` PortOne's script did not load · `offline` the
 * server cannot be reached.
 */
export type Status =
  | "loading"
  | "ready"
  | "paying"
  | "paypal"
  | "checking"
  | "cancelled"
  | "failed"
  | "waiting"
  | "done"
  | "over"
  | "missing"
  | "blocked"
  | "offline";

/** A moment of a checkout. Never changed: each change makes a new one. */
export interface CheckoutState {
  readonly status: Status;
  /** null until the server has answered. */
  readonly session: Session | null;
  /** Why it failed, in the server's words; "" where it gave none. */
  readonly reason: string;
  /** The code of the server's refusal where it refused, such as `OUT_OF_STOCK`. */
  readonly code: string;
  /** Whether `pay` does something now. */
  readonly canPay: boolean;
  /** Whether `retry` does something now. */
  readonly canRetry: boolean;
}

/** Whom the payment window may name. All of it is optional, but for what the session's `needsBuyer` names. */
export interface Buyer {
  fullName?: string;
  email?: string;
  phoneNumber?: string;
}

/** How the payer wants to pay: one of `session.methods`. */
export interface Wish {
  method: string;
  buyer?: Buyer;
  /** Where the session `asksReceipt`, and for TRANSFER and VIRTUAL_ACCOUNT; left out, none is wanted. */
  cashReceipt?: CashReceipt;
}

/** 현금영수증: PERSONAL (소득공제용) with a mobile or card number, CORPORATE (지출증빙용) with a business number. */
export interface CashReceipt {
  type: "PERSONAL" | "CORPORATE";
  number: string;
}

export interface CheckoutOptions {
  /** Where Jangbu is, such as `https://pay.example.com`. */
  url: string;
  /** The session's id, `cs_…`, which your server got. Whoever has it is the payer: it is the only credential. */
  session: string;
  /** A payer's token that your backend signed: then only that payer's sessions. Never an API key: those are refused here. */
  token?: string | (() => string | Promise<string>);
  /** Of PortOne's window and of the server's sentences. */
  language?: "ko" | "en";
  /** A page with this checkout where phones come back to; without it they come back to Jangbu's own page. */
  returnUrl?: string;
  /** The query a phone came back with: `location.search`, on the page that `returnUrl` names. */
  returned?: string;
  /** The session, where the page came with it: it need not be asked for first. */
  known?: Session;
  /** Where calls go; the browser's own unless given. */
  fetch?: typeof globalThis.fetch;
}

/** A checkout without a face. */
export interface Checkout {
  readonly state: CheckoutState;
  /** Be told of every change; returns what ends it. */
  subscribe(listener: () => void): () => void;
  /** Read the session and load PortOne's script. Again after `stop`. */
  start(): void;
  /** Open the payment window. Nothing happens unless `state.canPay`. */
  pay(wish: Wish): void;
  /** Go on after `blocked` and `offline`. */
  retry(): void;
  /** Ask the server now: when the page is seen again, or when somebody says that they have paid in. */
  check(): void;
  /** End all of it: no calls, no timers. */
  stop(): void;
}

export function createCheckout(options: CheckoutOptions): Checkout;
