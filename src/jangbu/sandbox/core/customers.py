"""Who pays, as servers and as browsers say it, in the one shape that PortOne tells of it (portone-facts §2.2, §2.3)."""

from typing import Any, Literal

import msgspec

from jangbu.sandbox.core.countries import Country


class SeparatedName(msgspec.Struct):
    first: str
    last: str


class NameInput(msgspec.Struct):
    """In requests a name is an object, in answers a string."""

    full: str | None = None
    separated: SeparatedName | None = None


class AddressInput(msgspec.Struct):
    line1: str = msgspec.field(name="addressLine1")
    line2: str = msgspec.field(name="addressLine2")
    city: str | None = None
    province: str | None = None
    country: Country | None = None


class BrowserAddress(msgspec.Struct):
    """The same, and nothing of it is insisted on."""

    line1: str | None = msgspec.field(default=None, name="addressLine1")
    line2: str | None = msgspec.field(default=None, name="addressLine2")
    city: str | None = None
    province: str | None = None
    country: str | None = None


class _Person(msgspec.Struct, rename="camel"):
    birth_year: str | None = None
    birth_month: str | None = None
    birth_day: str | None = None
    email: str | None = None
    phone_number: str | None = None
    zipcode: str | None = None


class CustomerInput(_Person, rename="camel"):
    id: str | None = None
    name: NameInput | None = None
    country: Country | None = None
    gender: Literal["MALE", "FEMALE", "OTHER"] | None = None
    address: AddressInput | None = None
    business_registration_number: str | None = None

    @property
    def identified(self) -> tuple[str | None, str]:
        """The merchant's id of them, and their name."""
        name = self.name or NameInput()
        parts = name.separated
        return self.id, name.full or (_joined(parts.first, parts.last) if parts is not None else "")


class BrowserCustomer(_Person, rename="camel"):
    """Browser names differ from REST's: `customerId` and `fullName` against `id` and `name`."""

    customer_id: str | None = None
    full_name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    gender: str | None = None
    address: BrowserAddress | None = None

    @property
    def identified(self) -> tuple[str | None, str]:
        """The merchant's id of them, and their name."""
        return self.customer_id, self.full_name or _joined(self.first_name, self.last_name)


def customer_of(given: CustomerInput | BrowserCustomer | None) -> dict[str, Any]:
    """The output shape: `name` is one string, absent fields are left out."""
    if given is None:
        return {}
    id_, name = given.identified
    shown: dict[str, Any] = {
        "id": id_,
        "name": name,
        "birthYear": given.birth_year,
        "birthMonth": given.birth_month,
        "birthDay": given.birth_day,
        "gender": given.gender,
        "email": given.email,
        "phoneNumber": given.phone_number,
        "address": _address(given.address) if given.address else None,
        "zipcode": given.zipcode,
    }
    return {field: value for field, value in shown.items() if value}


def _address(given: AddressInput | BrowserAddress) -> dict[str, str]:
    one_line = _joined(given.line1, given.line2, given.city, given.province, given.country)
    return {"type": "ONE_LINE", "oneLine": one_line}


def _joined(*parts: str | None) -> str:
    return " ".join(part for part in parts if part)
