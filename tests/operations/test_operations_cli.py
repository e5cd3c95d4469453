"""The operators' command line, as it is typed, on the servers of the tests."""

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from operations.cli import kibaba
from operations.environment import read_file, write_file
from operations.state import State
from tests.operations.conftest import Operator

PASSWORD = "haba na haba hujaza kibaba"


def test_the_proof_of_empty_books_holds(operator: Operator) -> None:
    done = operator.types("ledger", "proof", "--json")
    assert done.returncode == 0, done.stderr
    proof = json.loads(done.stdout)
    assert (proof["members"], proof["postings_sum_cents"], proof["balances_equal_postings"]) == (0, 0, True)


def test_migrating_twice_changes_nothing(operator: Operator) -> None:
    operator.types("migrate")
    done = operator.types("migrate")
    assert done.stdout.startswith("at ")


def test_the_doctor_finds_all_well_and_only_warns_of_absent_providers(operator: Operator) -> None:
    operator.types("migrate")
    mail = {"ALERT_EMAILS": "amina@fund.example", "SMTP_FROM": "kibaba@fund.example"}
    nowhere = {"MPESA_URL": "http://127.0.0.1:9/daraja", "SMTP_HOST": "127.0.0.1", "SMTP_PORT": "9"} | mail
    done = operator.types("doctor", "--json", env=nowhere)
    report = json.loads(done.stdout)
    assert (done.returncode, report["well"]) == (0, True)
    states = {finding["part"]: finding["state"] for finding in report["findings"]}
    assert (states["MPESA_URL"], states["SMTP_HOST"]) == ("warning", "warning")
    assert {states[part] for part in ("settings", "database", "migrations", "redis", "keys")} == {"well"}


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("INDEX_KEY", "another-index-key-0123456789-0123456789", "written with another INDEX_KEY"),
        ("FUND_ZONE", "Africa/Kampla", "FUND_ZONE is no time zone"),
        ("FUND_ZONE", "Africa/Kigali", "FUND_ZONE must be Africa/Nairobi"),
        ("FUND_CURRENCY", "UGX", "FUND_CURRENCY must be KES"),
        ("ALERT_PHONES", "0712345678, 07", "ALERT_PHONES must be phone numbers"),
        ("FUND_REGISTRY_OPTIONS", '{"nonsense": 1}', "nonsense"),
        ("FUND_REGISTRY_SIGNING_KEY", "no key", "a signing key is a PEM"),
        ("HOOK_TOKEN", "cmd-0123456789-0123456789", "HOOK_TOKEN"),
    ],
)
def test_the_doctor_finds_what_would_keep_a_part_from_starting(
    operator: Operator, name: str, value: str, says: str
) -> None:
    operator.types("migrate")
    assert operator.types("doctor").returncode == 0
    done = operator.types("doctor", env={name: value})
    assert (done.returncode, done.stderr) == (1, "")
    assert says in done.stdout


def test_in_production_the_doctor_names_what_is_missing_with_everything_else(operator: Operator) -> None:
    del operator.env["DATABASE_URL"], operator.env["REDIS_URL"]
    done = operator.types("doctor", env={"KIBABA_ENV": "production"})
    assert done.returncode == 1
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "MPESA_URL"):
        assert f"{name} is missing" in done.stdout


def test_where_nobody_has_m_pesa_there_is_nothing_to_register(operator: Operator) -> None:
    rwanda = {"FUND_REGION": "RW", "FUND_CURRENCY": "RWF", "FUND_ZONE": "Africa/Kigali", "MPESA_URL": ""}
    done = operator.types("wallet", "register", env=rwanda)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("bin/kibaba: this house has no M-Pesa")


def test_the_doctor_names_every_fault_at_once(operator: Operator) -> None:
    bad = {
        "USSD_SCREEN_SEPTETS": "9",
        "MPESA_C2B_VERSION": "v9",
        "DATABASE_URL": "nonsense",
        "REDIS_URL": "nonsense",
        "SMTP_TLS": "perhaps",
    }
    done = operator.types("doctor", env=bad)
    assert done.returncode == 1
    for name in bad:
        assert name in done.stdout


def test_staff_are_added_without_a_password_on_the_command_line(operator: Operator) -> None:
    by_stdin = operator.types("staff", "add", "asha@example.org", "--password-stdin", stdin=f"{PASSWORD}\n")
    by_environment = operator.types(
        "staff", "add", "juma@example.org", "--role", "admin", env={"KIBABA_STAFF_PASSWORD": PASSWORD}
    )
    assert by_stdin.stdout == "asha@example.org may sign in as officer\n"
    assert by_environment.stdout == "juma@example.org may sign in as admin\n"
    assert PASSWORD not in by_stdin.stdout + by_stdin.stderr + by_environment.stderr


def test_a_refused_member_of_staff_is_one_sentence(operator: Operator) -> None:
    done = operator.types("staff", "add", "asha@example.org", "--password-stdin", stdin="short\n")
    assert done.returncode == 1
    assert done.stderr.startswith("bin/kibaba: ")
    assert len(done.stderr.splitlines()) == 1


def test_an_unknown_member_is_one_sentence_with_a_masked_phone(operator: Operator) -> None:
    done = operator.types("member", "show", "+254712345678", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "bin/kibaba: no member has the phone +2547*****678\n"


def test_a_database_that_is_away_is_one_sentence(operator: Operator) -> None:
    away = {"DATABASE_URL": "postgresql+psycopg://kibaba:jembe@127.0.0.1:9/kibaba"}
    done = operator.types("ledger", "proof", env=away)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "jembe" not in done.stderr


def test_reconciling_asks_for_yesterday(operator: Operator) -> None:
    assert "174379 will be compared for 20" in operator.types("reconcile").stdout


STATEMENT = """Short Code,174379
Receipt No.,Completion Time,Initiation Time,Details,Transaction Status,Paid In,Withdrawn,Balance,\
Balance Confirmed,Reason Type,Other Party Info,Linked Transaction ID,A/C No.
UKMMRRHYNP,22-11-2026 06:01:36,22-11-2026 06:01:36,Pay Bill,Completed,50.00,,50.00,true,Pay Bill,\
254712345678 - ADAN ABDI NOOR,,SAVE
"""


def test_a_statement_may_be_imported_twice(operator: Operator, tmp_path: Path) -> None:
    file = tmp_path / "statement.csv"
    file.write_text(STATEMENT)
    first = operator.types("statement", "import", str(file), "--json")
    again = operator.types("statement", "import", str(file), "--json")
    assert first.returncode == 0, first.stderr
    assert (json.loads(first.stdout)["new"], json.loads(again.stdout)["new"]) == (1, 0)
    proof = json.loads(operator.types("ledger", "proof", "--json").stdout)
    assert (proof["receipts"], proof["suspense_cents"], proof["postings_sum_cents"]) == (1, 5000, 0)


def test_a_file_that_is_no_statement_is_one_sentence(operator: Operator, tmp_path: Path) -> None:
    file = tmp_path / "statement.csv"
    file.write_text("junk\n")
    done = operator.types("statement", "import", str(file))
    assert done.returncode == 1
    assert done.stderr.startswith("bin/kibaba: line 1")


def test_a_folder_of_statements_is_read_and_what_was_refused_is_named(
    operator: Operator, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("junk\n")
    (tmp_path / "b.csv").write_text(STATEMENT)
    done = operator.types("statement", "import", str(tmp_path), "--json")
    assert done.returncode == 1
    assert "a.csv was refused: line 1" in done.stderr
    assert "1 of 2 files were refused" in done.stderr
    assert json.loads(done.stdout)["new"] == 1


def test_dialling_without_a_running_house_is_one_sentence(operator: Operator) -> None:
    done = operator.types("dial", "0712345678")
    assert done.stderr == (
        "bin/kibaba: no bin/run with a sandbox is running; start it, or name one with --sandbox\n"
    )


def test_the_menus_are_sound_and_can_be_drawn(operator: Operator) -> None:
    assert operator.types("menus", "lint").stdout == "the menus are sound\n"
    assert operator.types("menus", "graph").stdout.startswith("flowchart TD\n")
    assert "<svg" in operator.types("menus", "graph", "--format", "svg").stdout


def test_the_central_registry_is_told_of_everybody_only_where_it_wants_it(operator: Operator) -> None:
    done = operator.types("registry", "enrolments", "--json")
    assert json.loads(done.stdout) == {"members": 0}
    refused = operator.types("registry", "enrolments", env={"FUND_REGISTRY_ENROLMENTS": "false"})
    assert refused.returncode != 0
    assert "FUND_REGISTRY_ENROLMENTS is off" in refused.stderr


def test_every_command_has_help(operator: Operator) -> None:
    help_text = operator.types("--help").stdout
    names = {"backup", "dial", "doctor", "ledger", "member", "menus", "migrate", "reconcile", "restore"}
    for name in names | {"staff", "statement"}:
        assert f"\n  {name} " in help_text


def _paths(group: click.Group) -> Iterator[str]:
    """What is typed after the group's own name, of each command in it."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from (f"{name} {path}" for path in _paths(command))
        else:
            yield name


def test_the_short_help_of_a_group_names_each_of_its_commands() -> None:
    lines = CliRunner().invoke(kibaba, ["--help"], terminal_width=200).output.splitlines()
    told = {line.split()[0]: line.rpartition(": ")[2].rstrip(".") for line in lines if line.startswith("  ")}
    context = click.Context(kibaba)
    found = {name: kibaba.get_command(context, name) for name in kibaba.list_commands(context)}
    groups = {name: group for name, group in found.items() if isinstance(group, click.Group)}
    assert {"menus", "registry"} <= set(groups)
    for name, group in groups.items():
        assert sorted(told[name].split(", ")) == sorted(_paths(group)), name


def test_what_a_launcher_tells_is_private_and_survives_odd_values(tmp_path: Path) -> None:
    file = State(tmp_path).run_file
    values = {"A": "with $dollar #hash and = sign", "B": 'Farmers\' "Fund"\\', "C": "two\nlines"}
    write_file(file, values)
    assert read_file(file) == values
    assert file.stat().st_mode & 0o777 == 0o600
