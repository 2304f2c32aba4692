"""What the official SDK performs, by the name of the operation: each entered by the test that does it."""

from collections.abc import Awaitable, Callable

from contract.sdk import Portone

Perform = Callable[[Portone], Awaitable[None]]
PERFORMED: dict[str, Perform] = {}


def performs(operation: str) -> Callable[[Perform], Perform]:
    def enter(perform: Perform) -> Perform:
        assert operation not in PERFORMED, f"{operation} is there already"
        PERFORMED[operation] = perform
        return perform

    return enter
