"""`bin/kibaba staff …`."""

import os
import sys

import click

from dashboard.staff.model import PASSWORD_CHARACTERS_MIN, Role
from dashboard.staff.service import add_staff
from operations.house import settings
from ussd_app.bootstrap import build

PASSWORD_BYTES_MAX = 1024


@click.group()
def staff() -> None:
    """The fund's people."""


@staff.command()
@click.argument("email")
@click.option("--name", help="Shown beside what they do; the e-mail's first part when left out.")
@click.option("--role", type=click.Choice([str(role) for role in Role]), default=str(next(iter(Role))))
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def add(email: str, name: str | None, role: str, password_stdin: bool) -> None:
    """Open an account for the dashboard.

    The password is asked for, or taken from KIBABA_STAFF_PASSWORD or standard input; never from the command
    line, where other users of the machine could see it.
    """
    password = _password(from_stdin=password_stdin)
    with settings() as current:
        services = build(current)
        with services.sessions.begin() as session:
            added = add_staff(
                session,
                email=email,
                name=name or email.partition("@")[0],
                role=role,
                password=password,
                now=services.clock.now(),
            )
            click.echo(f"{added.email} may sign in as {added.role}")


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.read(PASSWORD_BYTES_MAX).rstrip("\n")
    if given := os.environ.get("KIBABA_STAFF_PASSWORD"):
        return given
    typed: str = click.prompt(
        f"Password (at least {PASSWORD_CHARACTERS_MIN} characters)",
        hide_input=True,
        confirmation_prompt="The password again",
    )
    return typed
