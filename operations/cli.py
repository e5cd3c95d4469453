"""The operators' command line, `bin/kibaba`."""

import importlib
import sys
from dataclasses import dataclass
from typing import Final

import click
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from core.errors import KibabaError
from operations.embedded import EmbeddedError
from operations.trouble import TroubleError


@dataclass(frozen=True)
class _Command:
    """Loaded when typed, so that a command costs only what it needs itself."""

    place: str
    help: str


_COMMANDS: Final = {
    "backup": _Command("backup:backup", "The whole database into one file."),
    "dial": _Command("dial:dial", "A phone in the terminal."),
    "doctor": _Command("doctor:doctor", "Check settings, servers and providers."),
    "keys": _Command("keys:keys", "Keys that seal personal data: rotate."),
    "ledger": _Command("ledger:ledger", "The books: proof."),
    "member": _Command("member:member", "People: show."),
    "menus": _Command("menus:menus", "What callers see: lint, graph, walk."),
    "migrate": _Command("migrate:migrate", "Bring the database to the newest migration."),
    "reconcile": _Command("reconcile:reconcile", "Have a day compared."),
    "registry": _Command(
        "registry:registry", "Registries: client add, client disable, conformance, enrolments."
    ),
    "restore": _Command("restore:restore", "A backup into an empty house."),
    "simulate": _Command("simulate:simulate", "Live through bad days, by seed."),
    "staff": _Command("staff:staff", "The fund's people: add."),
    "statement": _Command("statement:statement", "The wallets' own statements: import."),
    "wallet": _Command("wallet:wallet", "The mobile-money wallet: register."),
}


class _Commands(click.Group):
    def get_command(self, _ctx: click.Context, cmd_name: str, /) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name].place.split(":")
        command = getattr(importlib.import_module(f"operations.commands.{module}"), name)
        assert isinstance(command, click.Command)
        return command

    def list_commands(self, _ctx: click.Context, /) -> list[str]:
        return sorted(_COMMANDS)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter, /) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in _COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def kibaba() -> None:
    """Operate Kibaba.

    Finds the servers of a running bin/run by itself; otherwise DATABASE_URL and REDIS_URL name them, and in
    the sandbox the embedded ones are started for the length of the command.
    """


def main() -> int:
    try:
        kibaba.main(prog_name="bin/kibaba", standalone_mode=False)
    except (click.exceptions.Exit, click.ClickException, click.Abort) as stop:
        return _ended_by_click(stop)
    except (TroubleError, EmbeddedError, KibabaError, OSError, SQLAlchemyError, CommandError) as error:
        if isinstance(error, BrokenPipeError):
            # The reader has seen enough.
            sys.stderr.close()
            return 0
        print(f"bin/kibaba: {_sentence(error)}", file=sys.stderr)
        return 1
    return 0


def _ended_by_click(stop: Exception) -> int:
    if isinstance(stop, click.exceptions.Exit):
        return stop.exit_code
    if isinstance(stop, click.ClickException):
        stop.show()
        return stop.exit_code
    return 130


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}{f' ({error.filename})' if error.filename else ''}"
    # What SQLAlchemy adds below the first line shows statements, and could show what is in them.
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


if __name__ == "__main__":
    sys.exit(main())
