"""Settings of staff's e-mail: it is on when somebody is to get it, and then all that it needs must be."""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, Field, SecretStr

from core.from_environment import SETTINGS

_ADDRESS: Final = re.compile(r"[^@\s,<>\"]{1,64}@[A-Za-z0-9.-]{1,190}")
_THIS_MACHINE: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def comma_separated(value: Any) -> Any:
    """A list as the environment has it; anything else as it is."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class MailSettings(BaseModel):
    """Names are those of the environment, in lower case."""

    model_config = SETTINGS

    alert_emails: Annotated[list[str], BeforeValidator(comma_separated)] = Field(default_factory=list)
    smtp_host: str = ""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    # STARTTLS on the port of submission, TLS from the first byte (465), or none at all on this machine.
    smtp_tls: Literal["starttls", "tls", "off"] = "starttls"
    smtp_username: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_from: str = ""


def mail_faults(settings: MailSettings) -> list[str]:
    """What is missing or wrong for mail to staff, by the names of the environment, never the values."""
    faults = []
    if not all(_ADDRESS.fullmatch(address) for address in settings.alert_emails):
        faults.append("ALERT_EMAILS must be e-mail addresses, separated by commas")
    if settings.alert_emails and not settings.smtp_host:
        faults.append("SMTP_HOST is missing")
    if (settings.alert_emails or settings.smtp_from) and not _ADDRESS.fullmatch(settings.smtp_from):
        faults.append("SMTP_FROM must be an e-mail address")
    if bool(settings.smtp_username) != bool(settings.smtp_password.get_secret_value()):
        faults.append("SMTP_USERNAME and SMTP_PASSWORD are needed together")
    if settings.smtp_tls == "off" and settings.smtp_host not in {"", *_THIS_MACHINE}:
        faults.append("SMTP_TLS may be off only for a server on this machine")
    return faults
