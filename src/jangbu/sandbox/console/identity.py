"""Identity verifications, and the telephones that their codes come to."""

from dataclasses import dataclass

from jangbu.sandbox.console.frame import PAGES, Asked, Button, Listed, listed, shown
from jangbu.sandbox.core.identity_records import IdentityVerification


@dataclass(frozen=True, slots=True)
class PersonRow:
    id: str
    status: str
    method: str
    otp: str
    tries: int
    person: str
    at: str
    window_url: str
    approve: Button | None


@dataclass(frozen=True, slots=True)
class IdentityPage:
    """All that templates/identity.html uses beside the frame."""

    people: Listed[PersonRow]


def identity_page(asked: Asked) -> IdentityPage:
    stores = asked.parts.world.state.identity_verifications.values()
    found = [each for of_store in stores for each in of_store.values()]

    def row_of(each: IdentityVerification) -> PersonRow:
        waits = each.status == "READY" and each.otp is not None
        in_app = waits and each.method == "APP" and not each.is_approved_in_app
        is_window = each.status == "READY" and each.window is not None
        return PersonRow(
            id=each.id,
            status=each.status,
            method=asked.words[f"identity_{each.method}"],
            otp=each.otp or "" if waits and each.method == "SMS" else "",
            tries=each.tries,
            person=f"{each.person.name} {each.person.phone_number}" if each.person is not None else "",
            at=shown(each.requested_at),
            window_url=f"/__browser__/identity-verifications/{each.transaction_id}/window" if is_window else "",
            approve=Button(asked.words["approve_in_app"], "approve-in-app", {"about": each.id}) if in_app else None,
        )

    return IdentityPage(listed(found[::-1], row_of, asked, f"{PAGES}identity"))
