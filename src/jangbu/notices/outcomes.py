"""What can come of trying to send one message."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Taken:
    """The mail server or Slack took it over."""


@dataclass(frozen=True, slots=True)
class NotTaken:
    """It did not, or nobody knows.

    `code` is a key of the catalogue's `notices.error`, `detail` what the other side said: one visible line without
    secrets. `is_final`: no later try can end otherwise. `wait_s` is what whoever refused asked for.
    """

    code: str
    detail: str = ""
    is_final: bool = False
    wait_s: int = 0

    @property
    def why(self) -> str:
        """As it is kept; `texts.problem` reads it."""
        return f"{self.code}: {self.detail}" if self.detail else self.code


Outcome = Taken | NotTaken
