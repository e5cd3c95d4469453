"""Logging: one JSON object a line, numbers of people masked, secrets and inputs dropped by name."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_DROPPED = frozenset(
    {"text", "input", "pin", "body", "password", "token", "national_id", "secret", "lastAppResponse"}
    | {"account", "answer", "birth_date", "identifier", "masked_name", "msisdn", "number", "payer", "phone"}
    | {"sender"}
)
# What is no person's: our own account at a wallet may have as many digits as an ID.
_SHOWN = frozenset({"process", "shortcode", "task", "topic", "timestamp"})
# IDs (7 to 9 digits), phones (9 to 13) and member numbers (9), also in groups as people write them; not what
# stands within a UUID, a hash or a code of letters and digits.
_NUMBER = re.compile(
    r"(?<![0-9A-Za-z_-])\+?(?:\d{7,15}|(?:\d{3}[ -])?\d{3,4}[ -]\d{3}[ -]\d{3})"
    r"(?![0-9A-Za-z_-])"
)
_DIGITS_LEFT = 3


def _without_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in list(event.items()):
        if name in _DROPPED:
            event[name] = "****"
        elif isinstance(value, str) and name not in _SHOWN:
            event[name] = _NUMBER.sub(lambda found: f"*****{found[0][-_DIGITS_LEFT:]}", value)
    return event


def _named(process: str) -> Any:
    def add(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["process"] = process
        return event

    return add


def configure_logging(process: str, level: int = logging.INFO) -> None:
    """Send structlog and standard logging to standard error as JSON lines naming the process."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _named(process),
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _without_secrets,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("alembic").setLevel(logging.WARNING)
