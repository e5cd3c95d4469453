"""`bin/kibaba statement …`."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click

from core import audit
from operations.commands.output import json_option, show
from operations.house import settings
from operations.trouble import TroubleError
from payments.settlements.service import is_bank_statement, keep_bank_statements, read_bank_statements
from payments.statements import import_statement as keep_and_apply
from payments.wallets.airtel.wallet import AirtelWallet
from payments.wallets.mpesa.wallet import MpesaWallet
from payments.wallets.mtn.wallet import MtnWallet
from payments.wallets.statements import Oddity, StatementRefused, stream_of
from ussd_app.bootstrap import Services, build
from ussd_app.wallet_accounts import shortcodes_of
from ussd_app.wallets import build_wallets

ODDITIES_SHOWN = 20
# A year of a large shortcode; what is read here is never in memory as a whole.
BYTES_MAX = 4 * 2**30
_CHUNK_BYTES = 2**20
_FORMS = ("*.csv", "*.sta", "*.940", "*.mt940", "*.xml")


@click.group()
def statement() -> None:
    """The wallets' own statements."""


@statement.command("import")
@click.argument("path", metavar="FILE_OR_FOLDER", type=click.Path(exists=True, path_type=Path))
@click.option("--wallet", default="mpesa", help="Whose export it is (mpesa, airtel, mtn).")
@json_option
def import_statement(path: Path, wallet: str, as_json: bool) -> None:
    """Read an export of a wallet's portal, or every such file of a folder.

    A bank's statement (MT940, camt.053) is told from a wallet's by how it begins; it is that of the account
    into which the wallet is settled.

    Lines are kept once, so a file may be imported again; money that only the statement knows of is credited
    or put into suspense. Unlike on the dashboard no second person is asked: who runs this command
    runs the machine. A file that is refused does not keep the others of its folder from being read.
    """
    files = sorted(one for form in _FORMS for one in path.glob(form)) if path.is_dir() else [path]
    if not files:
        raise TroubleError(f"{path.name} holds no CSV file and no bank statement")
    refused = []
    with settings() as current:
        services = build(current)
        for file in files:
            try:
                result, oddities = _import(services, file, wallet, quiet=as_json)
            except StatementRefused as fault:
                if not path.is_dir():
                    raise
                refused.append(file.name)
                click.echo(f"{file.name} was refused: {fault}", err=True)
                continue
            told = {"file": file.name, **result} if path.is_dir() else result
            show(told, as_json=as_json, currency=current.fund_currency)
            for oddity in oddities[:ODDITIES_SHOWN]:
                click.echo(f"line {oddity.line_number}: {oddity.reason}", err=True)
    if refused:
        raise TroubleError(f"{len(refused)} of {len(files)} files were refused")


def _import(
    services: Services, file: Path, wallet: str, *, quiet: bool
) -> tuple[dict[str, int | str], tuple[Oddity, ...]]:
    """Read, keep and apply one file. Raises StatementRefused."""
    if file.stat().st_size > BYTES_MAX:
        raise TroubleError(f"{file.name} is larger than {BYTES_MAX // 2**20} MB")
    if is_bank_statement(next(_chunks(file), b"")):
        return _import_bank(services, file, wallet)
    stream = stream_of(_reader(services, wallet), _chunks(file))
    done = keep_and_apply(
        services.sessions,
        services.clock,
        wallet,
        stream,
        pull_delay=timedelta(seconds=services.settings.pull_delay_seconds),
        progress=lambda read: None if quiet else click.echo(f"{read} lines read", err=True),
    )
    with services.sessions.begin() as session:
        audit.record(
            session,
            at=services.clock.now(),
            actor="operator",
            action="statement.imported",
            subject=f"{wallet}:{stream.shortcode}",
            details={"lines": done.lines, "new": done.new, "set_aside": len(done.oddities)},
        )
    result: dict[str, int | str] = {
        "shortcode": stream.shortcode,
        "lines": done.lines,
        "new": done.new,
        "applied": done.applied,
        "not_completed": done.not_completed,
        "repeated": done.repeated,
        "set_aside": len(done.oddities),
    }
    return result, done.oddities


def _import_bank(
    services: Services, file: Path, wallet: str
) -> tuple[dict[str, int | str], tuple[Oddity, ...]]:
    """Keep a bank's statement of the account into which the wallet is settled. Raises StatementRefused."""
    shortcode = _shortcode(services, wallet)
    statements = read_bank_statements(_chunks(file))
    oddities = tuple(oddity for one in statements for oddity in one.oddities)
    with services.sessions.begin() as session:
        now = services.clock.now()
        kept = keep_bank_statements(session, wallet, shortcode, statements, now=now)
        audit.record(
            session,
            at=now,
            actor="operator",
            action="statement.imported",
            subject=f"{wallet}:{shortcode}",
            details={"bank_lines": kept.lines, "new": kept.new, "set_aside": len(oddities)},
        )
    result: dict[str, int | str] = {
        "shortcode": shortcode,
        "bank_lines": kept.lines,
        "new": kept.new,
        "set_aside": len(oddities),
    }
    return result, oddities


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK_BYTES):
            yield chunk


def _reader(services: Services, wallet: str) -> MpesaWallet | AirtelWallet | MtnWallet:
    _shortcode(services, wallet)
    found = build_wallets(services).by_name[wallet]
    assert isinstance(found, MpesaWallet | AirtelWallet | MtnWallet)
    return found


def _shortcode(services: Services, wallet: str) -> str:
    """Our account with a wallet. Raises TroubleError when it is not on."""
    shortcodes = shortcodes_of(services.settings)
    if wallet not in shortcodes:
        raise TroubleError(f"{wallet} is not on; there are {', '.join(shortcodes)}")
    return shortcodes[wallet]
