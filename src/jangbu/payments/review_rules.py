"""Why a person has to look at a payment, and what they are to do: the words behind `Payment.review`. Pure.

The word itself is stable: programs and metrics are told that.
"""

RETURNED = "returned"
"""The review of a mismatched payment whose money was given back in full: nothing is left to decide."""
CAPTURED_AFTER_RETURN = "captured_after_return"
"""The review of a mismatch that PortOne puts right although its money, or part of it, went back already."""
DISPUTE_UNTOLD = "dispute_untold"
"""The review of a payment with a dispute whose end nobody has told: a person decides it."""
UNKNOWN_OUTCOME = "outcome_unknown"
"""The review of a payment with a call that nobody knows the outcome of for long; it goes once somebody does."""
UNPAID = "unpaid_at_portone"
"""The review of a payment that the books have as paid, and PortOne, after that, as waiting or failed."""
PASSING_REVIEWS = frozenset({"unknown_status", UNKNOWN_OUTCOME, "cancellation_unclear", "paid_twice", UNPAID})
"""Reasons to look that go away by themselves once PortOne says something we understand."""

REVIEWS: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "other_amount": (
        ("요청한 금액과 다른 금액이 결제되었습니다", "Another amount was paid than was asked for"),
        (
            "상품을 제공하지 마세요. 아래에서 돌려주거나 왜 다른지 포트원에 확인해 주세요. 돈은 가수금에 있습니다.",
            "Deliver nothing. Give it back below, or find out from PortOne why. What came waits in suspense.",
        ),
    ),
    "other_currency": (
        ("요청한 통화와 다른 통화로 결제되었습니다", "It was paid in another currency than was asked for"),
        (
            "상품을 제공하지 마세요. 아래에서 돌려줄 수 있습니다. 받은 돈은 가수금에 있습니다.",
            "Deliver nothing. It can be given back below. What came waits in suspense.",
        ),
    ),
    "unhandled_currency": (
        ("장부가 다루지 않는 통화로 결제되었습니다", "It was paid in a currency these books do not keep"),
        (
            "상품을 제공하지 말고 포트원 콘솔에서 돌려주세요. 이 금액은 장부에 적지 않았습니다.",
            "Deliver nothing, and give it back in PortOne's console. This sum was not booked.",
        ),
    ),
    "no_amount": (
        ("결제되었다고 하는데 금액이 없습니다", "It is said to be paid, and without an amount"),
        (
            "상품을 제공하지 말고 포트원 콘솔에서 확인해 주세요. 매출로 적지 않았습니다.",
            "Deliver nothing, and look it up in PortOne's console. It was not booked as a sale.",
        ),
    ),
    "other_store": (
        ("다른 상점에서 결제되었습니다", "It was paid in another store"),
        (
            "상품을 제공하지 마세요. 결제창에 준 상점 아이디를 확인하고, 돈은 포트원 콘솔에서 돌려주세요.",
            "Deliver nothing. Check which store the window was opened for; give the money back in PortOne's console.",
        ),
    ),
    "unknown_channel": (
        ("어느 채널에서 결제되었는지 알 수 없습니다", "Nobody says by which channel it was paid"),
        (
            "실제 돈인지 알 수 없어 매출로 적지 않았습니다. 상품을 제공하지 말고 포트원 콘솔에서 확인해 주세요.",
            "Whether it is real money is not known, so it is no sale. Deliver nothing; look in PortOne's console.",
        ),
    ),
    "live_channel": (
        ("여기는 연습용인데 실제 돈이 결제되었습니다", "Real money was paid where only practice money is kept"),
        (
            "포트원 콘솔에서 돌려주고, 설정에서 실연동 채널을 빼 주세요. 매출로 적지 않았습니다.",
            "Give it back in PortOne's console, and take the live channel out of the settings. It is no sale.",
        ),
    ),
    "test_channel": (
        ("테스트 채널에서 결제되어 실제 돈이 아닙니다", "It was paid by a test channel: this is no money"),
        (
            "상품을 제공하지 마세요. 결제창에 준 채널 키를 실연동 채널의 것으로 바꿔 주세요.",
            "Deliver nothing. Give the window the key of a live channel.",
        ),
    ),
    "unknown_status": (
        ("포트원이 장부가 모르는 상태를 알려 왔습니다", "PortOne tells of a state that is new to us"),
        (
            "포트원 콘솔에서 확인해 주세요. 다시 물었을 때 아는 상태이면 이 표시는 사라집니다.",
            "Look it up in PortOne's console. Once it is asked about again and the answer is clear, this goes away.",
        ),
    ),
    "outcome_unknown": (
        ("요청이 처리되었는지 6시간이 지나도 알 수 없습니다", "For six hours nobody can say whether a call was done"),
        (
            "다시 요청하지 마세요. 포트원 콘솔에서 이 결제를 찾아보세요. 그곳의 결과를 장부가 따라갑니다.",
            "Do not repeat it. Look this payment up in PortOne's console; the books follow what happened there.",
        ),
    ),
    "cancellation_unclear": (
        (
            "얼마가 취소되었는지 포트원의 답이 맞지 않습니다",
            "PortOne contradicts itself about what was given back",
        ),
        (
            "계속 다시 물어봅니다. 사라지지 않으면 포트원에 취소 금액을 확인해 주세요.",
            "It is asked again. Should this stay, ask PortOne how much was cancelled.",
        ),
    ),
    "paid_twice": (
        ("한 주문이 두 번 결제되었습니다", "One order was paid twice"),
        (
            "위의 포트원 거래 ID가 아닌 다른 결제를 포트원 콘솔에서 돌려주세요. 장부에는 위의 것만 적었습니다.",
            "Give back, in PortOne's console, the one that is not the transaction above. The books have that one.",
        ),
    ),
    "unpaid_at_portone": (
        ("받은 것으로 적은 돈을 포트원이 아니라고 합니다", "PortOne no longer says that this was paid"),
        (
            "입금이 취소되었는지 PG에 확인해 주세요. 장부는 그대로 두었습니다.",
            "Ask the PG whether the money was taken back. The books were left as they are.",
        ),
    ),
    "cancelled_more_than_taken": (
        ("받은 것보다 많은 돈이 취소되었습니다", "More was given back than was taken"),
        (
            "포트원과 PG의 취소 내역을 확인해 주세요. 넘는 취소는 장부에 적지 않았습니다.",
            "Compare the cancellations at PortOne and the PG. The one that is too many was not booked.",
        ),
    ),
    "returned": (
        ("잘못 들어온 돈을 모두 돌려주었습니다", "What came wrongly was all given back"),
        ("더 할 일은 없습니다. 이 결제로 상품을 제공하지 마세요.", "Nothing is left to do. Deliver nothing on it."),
    ),
    "captured_after_return": (
        ("돌려준 뒤에 올바른 결제가 되었다고 합니다", "It is said to be put right after the money went back"),
        (
            "상품을 제공하지 말고, 돈이 어디에 있는지 포트원에 확인해 주세요. 매출로 적지 않았습니다.",
            "Deliver nothing, and ask PortOne where the money is. It was not booked as a sale.",
        ),
    ),
    "dispute_untold": (
        ("끝난 분쟁의 결과를 아무도 알려 주지 않았습니다", "A dispute is over, and nobody says how it ended"),
        (
            "PG에 물어보고, 아래 분쟁에서 결과(승소·패소)를 정해 주세요.",
            "Ask the PG, and say below how the dispute ended.",
        ),
    ),
}
"""Each word, why it is so, and what to do; Korean and English."""

ENDS_BY_LOOKING = REVIEWS.keys() - {RETURNED, UNKNOWN_OUTCOME, DISPUTE_UNTOLD}
"""Those for which a person's word that they have looked is enough: nothing goes on that ends by itself, and nothing is
to be decided."""
NOTE_LONGEST = 200
TEXTS: dict[str, tuple[str, str]] = {
    "review.look": ("확인했습니다", "I have looked"),
    "review.looked": ("확인한 사람", "Looked at by"),
    "review.looked_at": ("확인함", "Looked at"),
    "review.none": ("확인할 일이 없어졌습니다", "There is nothing to look at any more"),
    "review.note": ("알아낸 것 (감사 기록에 남습니다)", "What you found (kept in the audit log)"),
    "review.over": ("할 일 없음", "Nothing to do"),
    "review.waits": ("확인 필요", "Needs a look"),
    "review.word": ("코드", "Code"),
} | {f"review.{word}": why for word, (why, _) in REVIEWS.items()}
"""The card, and the reasons for pages of rooms that do not know this one."""


def why(review: str, language: str) -> str:
    """Why a person should look; the word itself where it is newer than this program."""
    return REVIEWS[review][0][language == "en"] if review in REVIEWS else review


def todo(review: str, language: str) -> str:
    """What they are to do, or ""."""
    return REVIEWS[review][1][language == "en"] if review in REVIEWS else ""
