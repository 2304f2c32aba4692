"""The feed's head, in a feed of a million events against one of a thousand: what is old must cost nothing."""

from bench.outbox import measure_feed as measure

__all__ = ["measure"]
