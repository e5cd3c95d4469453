"""`bin/kibaba statement …`."""

from datetime import timedelta
from pathlib import Path

import click

from core import audit
from operations.commands.output import json_option, show
from operations.house import settings
from operations.trouble import TroubleError
from payments.model import EvidenceChannel
from payments.wallet_lines.applying import Applying
from payments.wallet_lines.service import keep_lines
from payments.wallets.airtel.wallet import AirtelWallet
from payments.wallets.mpesa.wallet import MpesaWallet
from payments.wallets.mtn.wallet import MtnWallet
from payments.wallets.statements import BYTES_MAX, Oddity, Statement, StatementRefused
from ussd_app.bootstrap import Services, build

BATCH = 500
ODDITIES_SHOWN = 20


@click.group()
def statement() -> None:
    """The wallets' own statements."""


@statement.command("import")
@click.argument("path", metavar="FILE_OR_FOLDER", type=click.Path(exists=True, path_type=Path))
@click.option("--wallet", default="mpesa", help="Whose export it is (mpesa, airtel, mtn).")
@json_option
def import_statement(path: Path, wallet: str, as_json: bool) -> None:
    """Read an export of a wallet's portal, or every CSV file of a folder.

    Lines are kept once, so a file may be imported again; money that only the statement knows of is credited
    or put into suspense. A file that is refused does not keep the others of its folder from being read.
    """
    files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    if not files:
        raise TroubleError(f"{path.name} holds no CSV file")
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
            show({"file": file.name, **result} if path.is_dir() else result, as_json=as_json)
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
    read = _reader(services, wallet).read_statement(file.read_bytes())
    new = _keep(services, wallet, read, quiet=quiet)
    applied = _apply(services, wallet, read)
    with services.sessions.begin() as session:
        audit.record(
            session,
            at=services.clock.now(),
            actor="operator",
            action="statement.imported",
            subject=f"{wallet}:{read.shortcode}",
            details={"lines": len(read.lines), "new": new, "set_aside": len(read.oddities)},
        )
    result: dict[str, int | str] = {
        "shortcode": read.shortcode,
        "lines": len(read.lines),
        "new": new,
        "applied": applied,
        "not_completed": read.not_completed,
        "repeated": read.repeated,
        "set_aside": len(read.oddities),
    }
    return result, read.oddities


def _reader(services: Services, wallet: str) -> MpesaWallet | AirtelWallet | MtnWallet:
    found = services.wallets.get(wallet)
    if not isinstance(found, MpesaWallet | AirtelWallet | MtnWallet):
        raise TroubleError(f"{wallet} is not on; there are {', '.join(services.wallets)}")
    return found


def _keep(services: Services, wallet: str, read: Statement, *, quiet: bool) -> int:
    new = 0
    batches = [read.lines[start : start + BATCH] for start in range(0, len(read.lines), BATCH)]
    with click.progressbar(batches, label="reading", hidden=quiet) as progress:
        for batch in progress:
            with services.sessions.begin() as session:
                now = services.clock.now()
                new += keep_lines(session, wallet, batch, EvidenceChannel.STATEMENT, now=now)
    return new


def _apply(services: Services, wallet: str, read: Statement) -> int:
    if not read.lines:
        return 0
    applying = Applying(
        services.sessions,
        services.clock,
        pull_delay=timedelta(seconds=services.settings.pull_delay_seconds),
    )
    return applying.run(wallet, read.shortcode, since=read.lines[0].at)
