"""What requests of several doors, payments' and checkout's, say in the same words."""

from typing import Literal

from pydantic import Field

from jangbu.payments.after import receipt_rules
from jangbu.payments.after.receipt_rules import Wish
from jangbu.web.bodies import Body


class ReceiptBody(Body):
    """Whose cash receipt (현금영수증) it is to be. The number is kept encrypted until PortOne has it, then masked."""

    type: Literal["PERSONAL", "CORPORATE"] = Field(description="소득공제용, or 지출증빙용.")
    number: str = Field(
        max_length=40, description="PERSONAL: mobile or receipt-card number. CORPORATE: business number."
    )

    @property
    def wish(self) -> Wish:
        """Checked. Raises ReceiptNumberUnfit."""
        return receipt_rules.checked(self.type, self.number)
