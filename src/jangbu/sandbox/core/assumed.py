"""What the sandbox assumes of PortOne without a switch: small, or read between PortOne's lines.

Code that rests on one says so with `[I: name]`, and so does code that rests on a switch of `inferred`.
"""

ASSUMED = {
    "account_without_an_end": """A virtual account, or a sum to be paid at a counter, whose end nobody names can be paid
        for 72 hours; the payment shows the end (§2.2).""",
    "answers_of_pgs": """What KCP's one promotion is, and KakaoPay's own words for an order: no answer of either PG is
        known (§8).""",
    "billing_key_of_failed_issue": """The browser's answer to a failed issue has `billingKey` all the same, empty when
        there is no key (§7.1).""",
    "cancel_period": """A PG that publishes no limit gives money back for 365 days (§10.10).""",
    "card_months": """A window offers a card up to twelve months where the merchant names none, and no call asks for
        more than sixty (§2.6, §7.1).""",
    "channel_group_draw": """Of a channel group's channels that take the order each is as likely as the next: the
        shares that a merchant sets are not known (§7.1).""",
    "checkout_pay_method": """Which payMethod of the window each method of a checkout profile opens (§8).""",
    "closed_session": """A hosted checkout that was closed is SESSION_EXPIRED, and closing it again changes nothing
        (§8).""",
    "confirm_code_tries": """After five wrong codes an identity verification is FAILED (§8).""",
    "cursor_place": """In the list by cursor a payment stands where its first attempt began, and no later attempt moves
        it (§2.13).""",
    "days_are_korean": """Days and months in rules and reports are those of Korea (§10.15).""",
    "due_day_alone": """A due date without a time of day: V2's begins that day, V1's `vbank_due` lasts to its end
        (§10.15, §6.5).""",
    "empty_filters": """An empty list in a filter counts as absent (§2.13).""",
    "escrow_refusals": """Escrow that does not fit the payment, or comes at the wrong time, is the PG's refusal: 502
        PG_PROVIDER (§2.10).""",
    "failed_receipt_time": """A cash receipt that was never issued is listed by the time of its failure (§2.11).""",
    "fault_bodies": """What the ordered 429 and 500 say: neither status is in PortOne's schema, so their `type` is ours
        (§1.2, §1.5).""",
    "idempotency_without_auth": """An Idempotency-Key is ignored where no credential is asked for, as when logging in: a
        key belongs to who sends it (§1.4).""",
    "identity_codes_in_browser": """An identity verification that was tried too often is InvalidEntityState in the
        browser: of the codes that its SDK knows none says more (§7.1, §8).""",
    "inner_wallet_methods": """What a wallet pays with, and that one of which nothing is known tells no inner method
        (§2.2).""",
    "instant_in_a_group": """A key-in payment with a channel group goes to the group's first channel (§2.6).""",
    "no_receipt_filter": """`cashReceiptType` NO_RECEIPT finds payments without a cash receipt (§2.13).""",
    "old_webhooks_of_disputes": """Webhooks of version 2024-01-01 have no word for disputes: none is sent (§4.1).""",
    "order_name_elsewhere": """A PG that publishes no limit takes an `orderName` of 255 characters (§10.3).""",
    "order_of_refusals": """Where two refusals fit, which comes first: PortOne's own before the PG's, one order always
        (§2.8, §3.2).""",
    "paid_at_of_what_waits": """`paidAt` in the answer to a charge that still waits for the PG is the time of the call
        (§3.2, §2.6).""",
    "paid_before_approval": """`amount.paid` is 0 until the approval (§2.2).""",
    "pending_is_decided_after": """What waits for the PG is decided after ten minutes, unless an order says otherwise
        (§2.2).""",
    "pg_codes": """Every `pgCode` and its sentence: no PG's list of them is known, so none of ours is a
        real one (§1.2).""",
    "pg_company": """The company of a PG module whose name does not begin with the company's (§3.1).""",
    "product_id": """A product of a hosted checkout without an id is known by its code, or else its name (§2.2, §8).""",
    "promotion_not_in_progress": """An unknown promotion, or one not in progress, is INVALID_REQUEST; in a window it
        fails the attempt, once it is known what is paid with (§8).""",
    "promotion_release": """The first cancel that does not retain a promotion's discount takes all of it off the refund,
        and so does the last in any case (§2.8, §10.11).""",
    "promotion_status": """A promotion that was ended or paused by a person shows that, before what time and money did
        (§8).""",
    "receipts_of_keys": """Of what is charged with a key, only what a bank account in a wallet pays has a cash receipt
        (§2.11, §3.2).""",
    "refused_schedule": """A schedule that is refused at its time, other than because the payment is paid already, makes
        an attempt that FAILED for that reason (§3.3).""",
    "schedule_names_its_channel": """A schedule whose `channelKey` the billing key was not issued on is INVALID_REQUEST
        when it is made: of the types declared for it none is about channels (§3.3, §12).""",
    "schedule_status_time": """STATUS_TIMESTAMP of a schedule is since when it is what it is (§3.3).""",
    "session_without_an_end": """A hosted checkout whose life nobody names lasts an hour (§8).""",
    "text_search": """What each field of `textSearch` compares, and that ALL means all of them; who acquires a card is
        who publishes it (§2.13).""",
    "usual_window": """A window of which nothing is said is an overlay on a computer and a redirection on a telephone,
        whatever the PG: PGs differ (§7.1).""",
    "v1_card_check": """The small sum of V1's `checking_amount` comes back at once and is listed nowhere (§6.5).""",
    "v1_codes": """V1's `code` of a refusal, beyond its not being 0, and its sentence (§6.1).""",
    "v1_in_v2": """V2 shows a payment made through V1 with its `merchant_uid` as `id` and its `imp_uid` as
        `transactionId` (§10.20).""",
    "v1_list_time": """V1's list by status goes by the time of that status (§6.3).""",
    "v1_prepared_currency": """An amount that V1 prepared without a currency is that number of the window's currency
        (§6.2).""",
    "v1_refund_account": """V1's refund account counts only when holder, bank and number are all there (§6.4).""",
    "v1_webhook_address": """V1's webhooks of live and of test payments go to one address (§4.5).""",
    "v1_webhook_taken": """A webhook of V1 is taken by every answer below 400 (§4.5).""",
    "vat_report_pgs": """A PG that the VAT reports have no word for, or of which it is not known which is its, is in no
        report (§8).""",
    "webhook_header_text": """The headers in a payment's `webhooks` are one string: a JSON object (§2.12).""",
}
"""One sentence each, with the sections of portone-facts that leave it open."""
