"""What a person may see of how somebody pays, and what must never be seen."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jangbu.clock import instant
from jangbu.ids import Ids
from jangbu.payments.banks import BANKS, bank_code, bank_name
from jangbu.payments.methods import Kind, due_of, masked_phone, read, view
from jangbu.sandbox.core.methods import METHODS

CARD = {
    "type": "PaymentMethodCard",
    "card": {
        "issuer": "SHINHAN_CARD",
        "name": "신한카드",
        "brand": "LOCAL",
        "bin": "433012",
        "number": "433012******1234",
    },
    "approvalNumber": "12345678",
    "installment": {"month": 3, "isInterestFree": False},
}
ACCOUNT = {
    "type": "PaymentMethodVirtualAccount", "bank": "SHINHAN", "accountNumber": "56201234567890",
    "remitteeName": "장부 상점", "remitterName": "김철수", "expiredAt": "2026-08-04T03:00:00Z",
}  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "kind", "said"),
    [
        (CARD, Kind.CARD, {"type": "CARD", "card": {"name": "신한카드", "issuer": "SHINHAN_CARD", "brand": "LOCAL",
                                                    "last": "1234", "installmentMonths": 3}}),
        ({"type": "PaymentMethodEasyPay", "provider": "TOSSPAY",
          "easyPayMethod": {"type": "PaymentMethodTransfer", "bank": "HANA", "accountNumber": "110123456789"}},
         Kind.EASY_PAY, {"type": "EASY_PAY", "provider": "TOSSPAY", "bank": "HANA"}),
        ({"type": "PaymentMethodEasyPay", "provider": "PAYPAL"}, Kind.EASY_PAY,
         {"type": "EASY_PAY", "provider": "PAYPAL"}),
        ({"type": "PaymentMethodTransfer", "bank": "SHINHAN", "accountNumber": "110987654321"}, Kind.TRANSFER,
         {"type": "TRANSFER", "bank": "SHINHAN"}),
        ({"type": "PaymentMethodMobile", "phoneNumber": "01012345678"}, Kind.MOBILE,
         {"type": "MOBILE", "phone": "010-****-5678"}),
        ({"type": "PaymentMethodGiftCertificate", "giftCertificateType": "CULTURELAND", "approvalNumber": "12345"},
         Kind.GIFT_CERTIFICATE, {"type": "GIFT_CERTIFICATE", "provider": "CULTURELAND"}),
        (ACCOUNT, Kind.VIRTUAL_ACCOUNT, {"type": "VIRTUAL_ACCOUNT", "bank": "SHINHAN"}),
        ({"type": "PaymentMethodTomorrow"}, Kind.OTHER, {"type": "OTHER", "provider": "PaymentMethodTomorrow"}),
    ],
)  # fmt: skip
def test_each_way_to_pay_says_what_a_person_may_see_and_no_more(
    raw: dict[str, Any], kind: Kind, said: dict[str, Any]
) -> None:
    method = read(raw)
    assert method is not None
    assert method.kind is kind
    assert view(method, is_waiting=False) == said


def test_where_to_pay_in_is_told_while_it_waits_and_no_longer() -> None:
    method = read(ACCOUNT)
    deposit = {"number": "56201234567890", "holder": "장부 상점", "dueAt": "2026-08-04T03:00:00.000Z"}
    assert view(method, is_waiting=True) == {"type": "VIRTUAL_ACCOUNT", "bank": "SHINHAN", "deposit": deposit}
    assert due_of(ACCOUNT) == instant("2026-08-04T03:00:00Z")
    assert "562" not in str(view(method, is_waiting=False))


def test_every_method_of_the_sandbox_has_a_kind_of_its_own() -> None:
    kinds = {name: read(make(Ids(seed=1))) for name, make in METHODS.items()}
    assert all(found is not None and found.kind is not Kind.OTHER for found in kinds.values()), kinds


@pytest.mark.parametrize("number", ["4330121234561234", "4330-12**-****-1234", "1234"])
def test_no_more_than_four_digits_of_a_card_are_seen_whatever_the_pg_masks(number: str) -> None:
    shown = view(read(CARD | {"card": {"number": number, "bin": "433012"}}), is_waiting=False)
    assert shown == {"type": "CARD", "card": {"last": "1234", "installmentMonths": 3}}


@pytest.mark.parametrize(
    ("number", "masked"),
    [("010-1234-5678", "010-****-5678"), ("+82 10 1234 5678", "821-****-5678"), ("12345678", "***78"), ("", "")],
)
def test_a_telephone_number_is_masked(number: str, masked: str) -> None:
    assert masked_phone(number) == masked


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.just([]) | st.just({})
FIELDS = st.sampled_from(
    ["card", "number", "bank", "accountNumber", "easyPayMethod", "installment", "month", "expiredAt", "phoneNumber"]
)


@given(
    st.sampled_from(["Card", "EasyPay", "Transfer", "VirtualAccount", "Mobile", "GiftCertificate", "ConvenienceStore"]),
    st.dictionaries(FIELDS, SCALARS | st.dictionaries(FIELDS | st.just("type"), SCALARS)),
)
def test_nothing_portone_says_of_a_method_breaks_us(name: str, raw: dict[str, Any]) -> None:
    msgspec.json.encode(view(read(raw | {"type": f"PaymentMethod{name}"}), is_waiting=True))


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("국민", "KOOKMIN"), ("KB국민은행", "KOOKMIN"), ("KOOKMIN", "KOOKMIN"), ("kb 국민 은행", "KOOKMIN"),
        ("KOOKMIN_BANK", "KOOKMIN"), ("농협", "NONGHYUP"), ("대구은행", "DAEGU"), ("iM뱅크", "DAEGU"),
        ("카카오뱅크", "KAKAO"), ("카뱅", "KAKAO"), ("토스뱅크", "TOSS"), ("토스증권", "TOSS_SECURITIES"),
        ("새마을금고", "KFCC"), ("SC제일은행", "STANDARD_CHARTERED"), ("없는은행", None), ("", None), ("은행", None),
    ],
)  # fmt: skip
def test_a_bank_is_known_by_what_people_call_it(written: str, code: str | None) -> None:
    assert bank_code(written) == code


def test_every_bank_of_portone_is_known_by_its_word_and_by_its_korean_name() -> None:
    assert len(BANKS) == 79
    for code, korean in BANKS.items():
        assert (bank_code(code), bank_code(korean), bank_name(code)) == (code, code, korean)
    assert bank_name("BANK_OF_TOMORROW") == "BANK_OF_TOMORROW"
