"""Logging: one JSON object a line, numbers of people masked, secrets and inputs dropped by name."""

import json
import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

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


_VALUES: Final = "kibaba_values"
# What every line of ours is logged through; set its level to hear less of us.
LOGGER: Final = logging.getLogger("kibaba")


class Log:
    """`log.warning("what happened", name=value, ...)`: a line of what happened and the values by their names.

    `exc_info`: an exception that an error is to be told with, and its trace. Threads may share it.
    """

    def info(self, event: str, **values: Any) -> None:
        _write(logging.INFO, event, None, values)

    def warning(self, event: str, **values: Any) -> None:
        _write(logging.WARNING, event, None, values)

    def error(self, event: str, *, exc_info: BaseException | None = None, **values: Any) -> None:
        _write(logging.ERROR, event, exc_info, values)


def _write(level: int, event: str, error: BaseException | None, values: Mapping[str, Any]) -> None:
    # What happened is no template: a per cent sign in it stands for itself.
    LOGGER.log(level, "%s", event, exc_info=error, extra={_VALUES: values})


log: Final = Log()


class JsonLines(logging.Formatter):
    """One JSON object a line, of whatever is logged, by us or by a library, naming the process."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            **getattr(record, _VALUES, {}),
            "event": record.getMessage(),
            "process": self._process,
            "level": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            told["stack"] = record.stack_info
        return json.dumps(_without_secrets(told), default=repr)


def _without_secrets(told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: "****" if name in _DROPPED else _masked(value) if name not in _SHOWN else value
        for name, value in told.items()
    }


def _masked(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return _NUMBER.sub(lambda found: f"*****{found[0][-_DIGITS_LEFT:]}", value)


def configure_logging(process: str, level: int = logging.INFO) -> None:
    """Send all that is logged to standard error as JSON lines naming the process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("alembic").setLevel(logging.WARNING)
