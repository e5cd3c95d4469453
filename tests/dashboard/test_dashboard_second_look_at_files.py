"""A statement file that alone tells of much money: what each person sees of it, and who may let it go."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from werkzeug.test import TestResponse

from core.audit import AuditEntry
from dashboard.services import Services
from dashboard.staff.model import Role
from payments.imports.tables import StatementImport
from tests.dashboard.browsing import post, token_in
from tests.dashboard.statement_files import statement
from tests.dashboard.test_dashboard_evening import FILE, counts, upload, work

AsRole = Callable[[str], FlaskClient]
LARGE = statement([("SKT0000001", "WHO", 1500), ("SKT0000002", "41O0045", 200)])
REASON = "the portal has no such payments"
CHECKS = "/dashboard/checks/"


@pytest.fixture
def held(officer: FlaskClient, parts: Services) -> str:
    """The address of a file that an officer handed in, and that waits for somebody else."""
    address = upload(officer, LARGE)
    work(parts)
    return address


def answer(client: FlaskClient, address: str, act: str, **fields: str) -> TestResponse:
    return post(client, f"{address}/{act}", "/dashboard/profile/", **fields)


def state(parts: Services) -> str:
    with parts.sessions() as session:
        return session.scalars(select(StatementImport.state)).one()


def test_who_handed_it_in_sees_what_waits_and_that_somebody_else_must_look(
    held: str, officer: FlaskClient, parts: Services
) -> None:
    page = officer.get(held).text
    assert "Waits for a second person" in page
    assert "2 lines, KES 1,700, are told by this file alone." in page
    assert re.search(r"<code>SKT0000001</code></th><td>Money in</td>.*?1,500\.00", page)
    assert "Another person must look at it before anything of it is taken." in page
    assert "Withdraw</button>" in page
    assert "Release</button>" not in page
    # It is not looked for again and again: nothing happens by itself.
    assert "data-progress" not in page
    assert 'http-equiv="refresh"' not in page
    assert counts(parts) == (0, 0, 1)
    listed = officer.get("/dashboard/imports/").text
    assert "2 lines, KES 1,700, are told by this file alone." in listed


def test_many_small_files_are_one_large_one_and_the_page_says_so(
    officer: FlaskClient, parts: Services
) -> None:
    pages = []
    for number in (1, 2):
        address = upload(officer, statement([(f"SKT000000{number}", "WHO", 600)]))
        work(parts)
        pages.append(officer.get(address).text)
    assert "Waits for a second person" not in pages[0]
    assert "1 line, KES 600, is told by this file alone." in pages[1]
    assert "Files that the same person handed in within a day told KES 600 more by themselves." in pages[1]


def test_who_looks_sees_for_which_accounts_it_is_and_is_in_the_audit_trail(
    held: str, as_role: AsRole, parts: Services
) -> None:
    page = as_role("checker").get(held).text
    assert re.search(r"SKT0000002</code></th><td>Money in</td><td>\*{4}045</td>", page)
    assert re.search(r'row">\*{4}045</th><td class="number">1</td><td class="number">200\.00', page)
    with parts.sessions() as session:
        stored = session.scalars(text("SELECT alone_accounts FROM statement_imports")).one()
        seen = session.scalars(select(AuditEntry).where(AuditEntry.action == "statement.opened")).all()
    assert "of_largest" not in stored
    assert [(entry.subject, entry.details) for entry in seen] == [(held.rsplit("/", 1)[1], {"rows": 2})]
    answer(as_role("supervisor"), held, "refuse", reason=REASON)
    with parts.sessions() as session:
        assert session.scalars(select(StatementImport.alone_accounts)).one() is None


def test_a_checker_finds_it_and_lets_it_go_once(held: str, as_role: AsRole, parts: Services) -> None:
    checker = as_role("checker")
    assert "1 statement file waits for a second person" in checker.get("/dashboard/day/2026-11-22").text
    page = checker.get(CHECKS).text
    assert f'href="{held}"' in page
    assert "KES 1,700" in page
    assert "Amina Officer" in page
    page = checker.get(held).text
    assert "Withdraw</button>" not in page
    token = token_in(page)
    first, second = (checker.post(f"{held}/release", data={"csrf_token": token}) for _ in range(2))
    assert (first.status_code, second.status_code) == (302, 409)
    assert "this file waits for nobody now" in second.text
    assert "data-progress" in checker.get(held).text
    work(parts)
    assert counts(parts) == (2, 2, 0)
    done = checker.get(held).text
    assert "Released by Amina Checker" in done
    assert "2 lines are new" in done
    # What was told by it alone stays to be read.
    assert "SKT0000001" in done
    assert "Nothing waits for a second person" in checker.get(CHECKS).text
    assert "waits for a second person" not in checker.get("/dashboard/day/2026-11-22").text


def test_what_is_refused_needs_a_reason_which_is_shown_and_not_lost(
    held: str, officer: FlaskClient, as_role: AsRole, parts: Services
) -> None:
    supervisor = as_role("supervisor")
    short = answer(supervisor, held, "refuse", reason="no <b>")
    assert short.status_code == 400
    assert "at least ten characters" in short.text
    assert ">no &lt;b&gt;</textarea>" in short.text
    assert state(parts) == "held"
    assert answer(supervisor, held, "refuse", reason=f"{REASON} <i>").status_code == 302
    page = officer.get(held).text
    assert f"Amina Supervisor refused it: {REASON} &lt;i&gt;" in " ".join(page.split())
    assert "<i>" not in page
    assert counts(parts) == (0, 0, 0)
    late = answer(supervisor, held, "release")
    assert (late.status_code, state(parts)) == (409, "refused")
    again = upload(officer, LARGE)
    work(parts)
    assert again != held
    assert "Waits for a second person" in officer.get(again).text


def test_nobody_lets_their_own_file_go_whatever_they_post(as_role: AsRole, parts: Services) -> None:
    checker = as_role("checker")
    address = upload(checker, LARGE)
    work(parts)
    assert "Release</button>" not in checker.get(address).text
    assert "Another person must look at it" in checker.get(CHECKS).text
    refused = answer(checker, address, "release")
    assert refused.status_code == 409
    assert "You handed this file in yourself" in refused.text
    work(parts)
    assert (state(parts), counts(parts)) == ("held", (0, 0, 1))
    assert answer(checker, address, "withdraw").status_code == 302
    assert "Amina Checker withdrew it" in checker.get(address).text
    assert (state(parts), counts(parts)) == ("refused", (0, 0, 0))


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.ADMIN])
def test_who_may_not_decide_lets_nothing_go(held: str, as_role: AsRole, parts: Services, role: Role) -> None:
    browser = as_role(role)
    for act in ("release", "refuse", "withdraw"):
        assert answer(browser, held, act, reason=REASON).status_code == 403
    assert state(parts) == "held"
    if role is Role.AUDITOR:
        assert "A checker or a supervisor decides this." in browser.get(held).text
        assert "</button>" not in browser.get(held).text.split('id="decide"')[1]


def test_an_officer_lets_nobodys_file_go(as_role: AsRole, officer: FlaskClient, parts: Services) -> None:
    address = upload(as_role("checker"), LARGE)
    work(parts)
    assert "A checker or a supervisor decides this." in officer.get(address).text
    for act in ("release", "refuse"):
        assert answer(officer, address, act, reason=REASON).status_code == 403
    assert answer(officer, address, "withdraw").status_code == 409
    assert state(parts) == "held"


def test_what_a_file_is_called_is_only_text_wherever_it_waits(
    officer: FlaskClient, as_role: AsRole, parts: Services
) -> None:
    address = upload(officer, LARGE, "<script>alert(1)</script>.csv")
    work(parts)
    checker = as_role("checker")
    for page in (address, CHECKS, "/dashboard/imports/"):
        text = checker.get(page).text
        assert "&lt;script&gt;alert(1)" in text
        assert "<script>alert" not in text


def test_a_file_below_the_limit_waits_for_nobody(
    officer: FlaskClient, as_role: AsRole, parts: Services
) -> None:
    address = upload(officer, FILE)
    work(parts)
    page = officer.get(address).text
    assert "2 lines are new" in page
    # What it told alone is written down all the same.
    assert "Told by this file alone" in page
    assert 'id="decide"' not in page
    assert "Nothing waits for a second person" in as_role("checker").get(CHECKS).text


def test_a_file_that_is_none_is_not_found(as_role: AsRole) -> None:
    address = "/dashboard/imports/01a20123-ff47-74bc-bb1d-000000000000"
    supervisor = as_role("supervisor")
    for act in ("release", "refuse", "withdraw"):
        assert answer(supervisor, address, act, reason=REASON).status_code == 404


def test_the_audit_trail_names_both(held: str, as_role: AsRole, parts: Services) -> None:
    supervisor = as_role("supervisor")
    answer(supervisor, held, "release")
    work(parts)
    page = supervisor.get("/dashboard/audit/").text
    for words in (
        "Statement waits for a second person",
        "Statement released by a second person",
        "Statement imported",
        "KES 1,700",
        "Amina Officer",
    ):
        assert words in page
