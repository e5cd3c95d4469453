"""What a web process holds: what callers and wallets need, and nothing that only others use."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from tests.ussd_app.surroundings import environment_of

REPOSITORY = Path(__file__).parents[2]
OURS = ("core", "menus", "members", "payments", "registry", "messages", "dashboard", "ussd_app")
# Packages and rooms, each with all that is below it.
STAFF_ONLY = {"dashboard.pages", "dashboard.staff", "flask_login", "flask_wtf", "pyotp", "segno"}
PARTNERS_ONLY = {"registry.server", "ussd_app.dci"}
NEVER = {
    # What calls others: wallets, registries, the SMS gateway, mail.
    *("requests", "urllib3", "charset_normalizer", "africastalking", "smtplib"),
    *("ussd_app.wallets", "payments.wallets.http", "payments.wallets.mpesa.client"),
    *("payments.wallets.airtel.client", "payments.wallets.mtn.client"),
    *("registry.client", "registry.transport", "messages.sending", "messages.mail"),
    # What reads statements.
    *("payments.statements", "payments.settlements", "mt940", "defusedxml"),
    # What works tasks, moves tables, measures and shows.
    *("ussd_app.tasks", "workers", "operations", "bench", "sandbox", "rq", "alembic", "hypothesis"),
    *("fpdf", "xlsxwriter", "structlog", "rich", "pygments", "greenlet"),
    *("pydantic_settings", "argparse", "dotenv"),
}

_PROCESS = """
import json, sys
import wsgi
client = wsgi.app.test_client()
def tell(said):
    print(json.dumps([said, sorted(sys.modules)]))
tell("")
for number, (link, *typed) in enumerate(json.loads(sys.argv[1])):
    for count in range(len(typed) + 1):
        answer = client.post("/gateway/dev/africastalking/ussd", data={
            "phoneNumber": "+254712345678", "serviceCode": "*384*96#", "networkCode": "63902",
            "sessionId": f"ATUid_{number}", "text": "*".join(filter(None, [link, *typed[:count]])),
        })
    tell(answer.text)
for address in json.loads(sys.argv[2]):
    tell(client.get(address).status)
"""
_PIN = "4926"
_JOINING = ["", "2", "1", "12345678", "1", _PIN, _PIN]
_SAVING = ["", "1", "1", "1"]
_LOOKING = ["02", _PIN]


def run(settings: Settings, calls: list[list[str]], addresses: list[str]) -> list[tuple[str, set[str]]]:
    """What a fresh web process says, and what it has loaded: at the start, after each call and address."""
    done = subprocess.run(
        [sys.executable, "-c", _PROCESS, json.dumps(calls), json.dumps(addresses)],
        cwd=REPOSITORY,
        env=environment_of(settings),
        capture_output=True,
        text=True,
        check=True,
    )
    told: list[Any] = [json.loads(line) for line in done.stdout.splitlines()]
    return [(said, set(loaded)) for said, loaded in told]


def among(loaded: set[str], names: set[str]) -> list[str]:
    return sorted(one for one in loaded if any(one == name or one.startswith(f"{name}.") for name in names))


def test_callers_are_served_without_what_only_others_use(settings: Settings) -> None:
    [(_, at_start), joined, saved, (looked, at_end)] = run(settings, [_JOINING, _SAVING, _LOOKING], [])
    assert joined[0].startswith("END Welcome!")
    assert saved[0].startswith("END "), saved[0]
    assert looked.startswith(("CON ", "END "))
    assert among(at_end, NEVER | STAFF_ONLY | PARTNERS_ONLY) == []
    # No caller waits while something is read from the disk.
    assert among(at_end - at_start, set(OURS)) == []


@pytest.mark.parametrize(
    ("address", "status", "names"),
    [
        ("/dashboard/sign-in", "200 OK", STAFF_ONLY),
        ("/dashboard", "308 PERMANENT REDIRECT", STAFF_ONLY),
        ("/dci/openapi.json", "200 OK", PARTNERS_ONLY),
        ("/.well-known/jwks.json", "200 OK", PARTNERS_ONLY),
    ],
)
def test_staff_and_partners_are_served_by_what_is_loaded_for_them_alone(
    settings: Settings, address: str, status: str, names: set[str]
) -> None:
    [(_, at_start), (said, at_end)] = run(settings, [], [address])
    assert said == status
    assert among(at_start, names) == []
    missing = {name for name in names if not among(at_end, {name})}
    assert not missing
    assert among(at_end, NEVER | (STAFF_ONLY | PARTNERS_ONLY) - names) == []


def test_who_watches_the_process_makes_it_hold_nothing_more(settings: Settings) -> None:
    [(_, at_start), *asked] = run(settings, [], ["/healthz", "/readyz", "/metrics", "/nothing"])
    assert [said[:3] for said, _ in asked] == ["200", "200", "200", "404"]
    assert among(asked[-1][1] - at_start, set(OURS)) == []
