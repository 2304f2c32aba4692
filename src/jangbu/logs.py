"""How programs log: one structured line a fact, JSON for machines and colours for people, on stderr."""

import logging
import sys
from typing import Any

import structlog

from jangbu.settings import Settings

_SECRET_WORDS = ("secret", "password", "token", "authorization", "cookie", "billing_key", "account_number")
_QUIET = ("pgqueuer", "asyncio", "aiohttp", "uvicorn.error")


def configure(settings: Settings) -> None:
    """Set up structlog and bring the libraries' own logs into the same stream. Call once per program."""
    text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _hide_secrets,
            structlog.processors.format_exc_info if not text else _as_it_is,
            _console() if text else structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Plain())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _console() -> structlog.dev.ConsoleRenderer:
    # structlog's own choice shows the variables of every frame: keys, tokens and people (reliability F127).
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


def _as_it_is(_: Any, __: str, event: Any) -> Any:
    return event


def _hide_secrets(_: Any, __: str, event: Any) -> Any:
    # The last net, not the first: nobody should log these. A name that sounds like a secret is never written out.
    for name in event:
        if any(word in name.lower() for word in _SECRET_WORDS):
            event[name] = "(hidden)"
    return event


class _Plain(logging.Formatter):
    """Library lines in our shape."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{record.levelname.lower()} {record.name}: {record.getMessage()}"
        return line if record.exc_info is None else f"{line}\n{self.formatException(record.exc_info)}"
