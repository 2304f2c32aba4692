"""What can come of trying to send one message."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Taken:
    """The mail server or Slack took it over."""


@dataclass(frozen=True, slots=True)
class NotTaken:
    """It did not, or nobody knows. `why` is fit to be shown and holds no secret; `is_final` says that no later try
    can end otherwise; `wait_s` is what whoever refused asked for."""

    why: str
    is_final: bool = False
    wait_s: int = 0


Outcome = Taken | NotTaken
