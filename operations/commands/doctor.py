"""`bin/kibaba doctor`: everything that would keep Kibaba from working, at once."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

import click
import requests
from pydantic import ValidationError

from core.errors import InvalidValue, KibabaError
from core.mail_settings import MailSettings
from core.settings import BadSettings, load_settings
from messages.mail.server import MailNotSent, MailServer
from operations.belonging import check_belonging
from operations.commands.output import json_option
from operations.environment import lower_case
from operations.house import environment
from operations.migrate import check_migrations
from operations.outside_servers import check_database, check_redis
from operations.trouble import TroubleError
from payments.wallets.mpesa.initiator import Initiator, certificate_from
from ussd_app.bootstrap import build
from ussd_app.tasks import build_tasks

REACH_SECONDS_MAX = 5
_CERTIFICATE_DAYS_MIN = 30
_PROVIDERS = ("MPESA_URL", "AIRTEL_URL", "MTN_URL", "AT_URL", "CIVIL_REGISTRY_URL", "FUND_REGISTRY_URL")


@dataclass(frozen=True)
class Finding:
    """`part` is a setting, a server or a provider. What is only unreachable now is a warning."""

    part: str
    state: Literal["well", "warning", "ill"]
    says: str = ""


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Check settings, servers, migrations and providers. The exit code is 1 when anything is ill."""
    with environment(even_without_servers=True) as env:
        findings = [
            *settings_findings(env),
            *server_findings(env),
            *provider_findings(env),
            *mail_findings(env),
            *certificate_findings(env),
        ]
    if as_json:
        well = all(finding.state != "ill" for finding in findings)
        click.echo(
            json.dumps({"well": well, "findings": [asdict(finding) for finding in findings]}, indent=2)
        )
    else:
        for finding in findings:
            click.echo(f"{finding.state:>7}  {finding.part}  {finding.says}".rstrip())
    if any(finding.state == "ill" for finding in findings):
        sys.exit(1)


def settings_findings(env: Mapping[str, str]) -> list[Finding]:
    """Every missing or bad setting; one `well` when there is none, and all parts can be built from them."""
    try:
        with closing(build(load_settings(_env_file=None, **lower_case(env)))) as services:
            build_tasks(services)
    except BadSettings as bad:
        return [Finding("settings", "ill", fault) for fault in bad.faults]
    except (KibabaError, LookupError, OSError, ValueError) as error:
        # Whatever a part says of what it was given, it says it when that part starts.
        return [Finding("settings", "ill", f"{type(error).__name__}: {error}")]
    return [Finding("settings", "well")]


def server_findings(env: Mapping[str, str]) -> Iterator[Finding]:
    """Database, migrations and Redis."""
    database_url, redis_url = env.get("DATABASE_URL", ""), env.get("REDIS_URL", "")
    database = _examined("database", lambda: check_database(database_url))
    yield database
    if database.state == "well":
        migrations = _examined("migrations", lambda: check_migrations(database_url))
        yield migrations
        if migrations.state == "well":
            yield from _key_findings(env)
    yield _examined("redis", lambda: check_redis(redis_url))


def _key_findings(env: Mapping[str, str]) -> Iterator[Finding]:
    try:
        settings = load_settings(_env_file=None, **lower_case(env))
    except BadSettings:
        # Named among the settings.
        return
    yield _examined("keys", lambda: check_belonging(settings))


def provider_findings(env: Mapping[str, str]) -> Iterator[Finding]:
    """Whether each provider's host answers at all: any HTTP answer will do, no credentials are sent."""
    for name in _PROVIDERS:
        url = env.get(name, "")
        if not url:
            continue
        host = urlsplit(url).netloc
        try:
            requests.head(url, timeout=REACH_SECONDS_MAX)
        except (requests.RequestException, ValueError) as error:
            yield Finding(name, "warning", f"{host} cannot be reached ({type(error).__name__})")
        else:
            yield Finding(name, "well", host)


def mail_findings(env: Mapping[str, str]) -> Iterator[Finding]:
    """Whether the mail server answers, encrypted as is set; it is given no credentials and no message."""
    values: dict[str, Any] = lower_case(env)
    try:
        settings = MailSettings.model_validate(values)
    except ValidationError:
        # Named among the settings.
        return
    if not settings.smtp_host:
        return
    try:
        MailServer(
            settings.smtp_host, settings.smtp_port, settings.smtp_tls, timeout_seconds=REACH_SECONDS_MAX
        ).reach()
    except MailNotSent as error:
        yield Finding("SMTP_HOST", "warning", f"{settings.smtp_host} cannot be reached ({error})")
    else:
        yield Finding("SMTP_HOST", "well", settings.smtp_host)


def certificate_findings(env: Mapping[str, str]) -> Iterator[Finding]:
    """Whether refunds can be ordered tomorrow: certificates have ended unnoticed."""
    setting = env.get("MPESA_CERTIFICATE", "")
    if not setting:
        return
    name = "MPESA_CERTIFICATE"
    try:
        left = Initiator("", "", certificate_from(setting)).certificate_ends_at - datetime.now(UTC)
    except InvalidValue as error:
        # A stand-in serves its own, and need not run while somebody asks.
        yield Finding(name, "warning" if setting.startswith("http") else "ill", str(error))
        return
    if left < timedelta(0):
        yield Finding(name, "ill", "the certificate has ended: no refund can be ordered")
    elif left.days < _CERTIFICATE_DAYS_MIN:
        yield Finding(name, "warning", f"the certificate ends in {left.days} days")
    else:
        yield Finding(name, "well")


def _examined(part: str, check: Callable[[], None]) -> Finding:
    try:
        check()
    except KibabaError as error:
        return Finding(part, "ill", str(error))
    except TroubleError as error:
        return Finding(part, "ill", str(error))
    return Finding(part, "well")
