"""The evening: a statement is imported, the day is proven and closed, its proof is downloaded."""

import io
import re
import uuid
import zipfile
from collections.abc import Callable, Iterable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.exceptions import UnprocessableEntity

from core.outbox import OutboxRow, Task
from dashboard import exporting
from dashboard.exporting import xlsx_response
from dashboard.services import Services
from payments.imports.handing_in import TOPIC
from payments.imports.service import Importing
from payments.imports.tables import StatementImport, StatementPiece
from payments.receipts.tables import Receipt
from payments.reconciliation.service import reconcile
from payments.settlements.tables import BankPeriod
from payments.wallet_lines.tables import StoredLine
from payments.wallets.mpesa.statement import Statement, read_statement
from payments.wallets.mpesa.statement_stream import StreamedStatement
from tests.dashboard.a_day import Day
from tests.dashboard.browsing import post, sign_in, token_in, turn
from tests.dashboard.statement_files import statement
from tests.payments.scripted_wallet import SteppedClock
from workers.handling import TaskRunner
from workers.topics import TopicPlan

AsRole = Callable[[str], FlaskClient]
FILE = statement([("SKT0000001", "WHO", 50), ("SKT0000002", "41O0045", 200)])
DAY = "2026-11-22"


class Portal:
    """Reads exports as the wallet does, without a wallet."""

    def __init__(self, shortcode: str) -> None:
        self._shortcode = shortcode

    def read_statement(self, content: bytes) -> Statement:
        return read_statement(content, self._shortcode)

    def stream_statement(self, chunks: Iterable[bytes]) -> StreamedStatement:
        return StreamedStatement(chunks, self._shortcode)


def make_importing(parts: Services, portal: Portal) -> Importing:
    return Importing(
        parts.sessions,
        parts.clock,
        parts.calendar,
        {"mpesa": portal},
        pull_delay=timedelta(seconds=3),
        limit_cents=parts.four_eyes_above_cents,
    )


def work(parts: Services) -> None:
    """The worker reads what was handed in and compares the day."""
    importing = make_importing(parts, Portal(parts.shortcode))
    with parts.sessions() as session:
        rows = session.scalars(select(OutboxRow).where(OutboxRow.topic == "statement")).all()
    for row in rows:
        importing.run(Task(row.id, row.topic, row.key, row.payload, 1, row.created_at))


def upload(client: FlaskClient, content: bytes, name: str = "statement.csv") -> str:
    token = token_in(client.get("/dashboard/imports/").text)
    data = {"csrf_token": token, "file": (io.BytesIO(content), name)}
    answer = client.post("/dashboard/imports/", data=data)
    assert answer.status_code == 302
    return answer.headers["Location"]


def counts(parts: Services) -> tuple[int, int, int]:
    with parts.sessions() as session:
        tables = (StoredLine, Receipt, StatementPiece)
        lines, receipts, pieces = (
            session.scalar(select(func.count()).select_from(table)) or 0 for table in tables
        )
    return lines, receipts, pieces


def test_a_file_is_read_in_the_background_and_its_content_forgotten(
    officer: FlaskClient, parts: Services
) -> None:
    address = upload(officer, FILE)
    waiting = officer.get(address).text
    assert "data-progress" in waiting
    assert counts(parts)[2] == 1
    with parts.sessions() as session:
        assert b"SKT0000001" not in session.scalars(select(StatementPiece.content)).one().encode()
    work(parts)
    done = officer.get(address).text
    assert "2 lines are new" in done
    assert "data-progress" not in done
    assert counts(parts) == (2, 2, 0)


def test_the_same_file_and_the_same_lines_again_change_nothing(officer: FlaskClient, parts: Services) -> None:
    first = upload(officer, FILE)
    assert upload(officer, FILE) == first
    work(parts)
    assert upload(officer, FILE) == first
    drifted = FILE.replace(b",Completed,", b", completed ,").replace(b"SKT0000001", b"skt0000001")
    other = upload(officer, drifted)
    work(parts)
    assert other != first
    assert "Every line was known already" in officer.get(other).text
    assert counts(parts) == (2, 2, 0)


def test_a_file_of_a_day_without_payments_says_that_it_has_none(
    officer: FlaskClient, parts: Services
) -> None:
    address = upload(officer, statement([]) + b"\nTotals,,,,,0.00,0.00,,,,,,\n")
    work(parts)
    page = officer.get(address).text
    assert "The file has no payments" in page
    assert "known already" not in page
    assert counts(parts) == (0, 0, 0)


# Of the bank, for a day on which nothing was booked.
QUIET_DAY = b"""{1:F01KCBLKENXAXXX0000000000}{2:I940KCBLKENXXXXXN}{4:
:20:STMT261122
:25:KCB/1100223344
:28C:325/1
:60F:C261121KES1000,00
:62F:C261122KES1000,00
-}
"""


def test_a_file_that_tells_its_days_alone_is_not_said_to_change_nothing(
    officer: FlaskClient, parts: Services
) -> None:
    address = upload(officer, QUIET_DAY)
    work(parts)
    with parts.sessions() as session:
        period = session.scalars(select(BankPeriod)).one()
    assert period.last_on.isoformat() == DAY
    page = officer.get(address).text
    assert "The file has no payments." in page
    assert "Nothing was changed" not in page


class Hurt(Portal):
    """Fails as nothing foresaw."""

    def stream_statement(self, chunks: Iterable[bytes]) -> StreamedStatement:
        raise RuntimeError(f"after {len(b''.join(chunks))} bytes")


def test_an_import_that_was_given_up_is_called_failed_and_the_file_can_be_handed_in_again(
    officer: FlaskClient, parts: Services
) -> None:
    address = upload(officer, FILE)
    importing = make_importing(parts, Hurt(parts.shortcode))
    runner = TaskRunner(
        parts.sessions,
        SteppedClock(parts.clock.now()),
        {TOPIC: importing.run},
        {TOPIC: TopicPlan("money", attempts_max=1)},
        given_up={TOPIC: importing.give_up},
    )
    with parts.sessions() as session:
        [task_id] = session.scalars(select(OutboxRow.id).where(OutboxRow.topic == TOPIC))
    runner.run(task_id, TOPIC)
    page = officer.get(address).text
    assert "Failed" in page
    assert "could not be read" in page
    assert "data-progress" not in page
    again = upload(officer, FILE)
    assert again != address
    # The task that was given up may be tried again too: one of the two finds everything known.
    work(parts)
    pages = [officer.get(one).text for one in (address, again)]
    assert [sum(words in page for page in pages) for words in ("2 lines are new", "known already")] == [1, 1]
    assert counts(parts) == (2, 2, 0)


def test_while_a_file_is_read_the_page_says_how_many_lines_were(
    officer: FlaskClient, parts: Services
) -> None:
    address = upload(officer, FILE)
    with parts.sessions.begin() as session:
        row = session.scalars(select(StatementImport)).one()
        row.state, row.lines_kept = "reading", 4000
    page = officer.get(address).text
    assert "4,000 lines read so far" in page
    # How many there are in all is not known before the end: no bar that is full from the beginning.
    assert "value=" not in page[page.index("<progress") : page.index("</progress>")]


def test_a_bad_file_is_refused_whole_with_its_lines(officer: FlaskClient, parts: Services) -> None:
    address = upload(officer, statement([("SKT0000001", "WHO", 50)], shortcode="600000"))
    work(parts)
    page = officer.get(address).text
    assert "Nothing of this file was taken" in page
    line = r'<th scope="row" class="number">2</th><td>this is the statement of 600000'
    assert re.search(line, page, re.IGNORECASE)
    assert counts(parts) == (0, 0, 0)
    with parts.sessions() as session:
        assert session.scalars(select(StatementImport.state)).one() == "refused"


def test_an_odd_line_is_set_aside_with_its_number_and_the_rest_goes_on(
    officer: FlaskClient, parts: Services
) -> None:
    address = upload(officer, FILE.replace(b",50.00,", b",fifty,"))
    work(parts)
    page = officer.get(address).text
    assert re.search(r'<th scope="row" class="number">4</th><td>Paid In', page)
    assert counts(parts) == (1, 1, 0)


def test_nothing_chosen_is_said_and_a_hostile_name_is_only_text(
    officer: FlaskClient, parts: Services
) -> None:
    token = token_in(officer.get("/dashboard/imports/").text)
    answer = officer.post("/dashboard/imports/", data={"csrf_token": token}, follow_redirects=True)
    assert "Choose a file first" in answer.text
    page = officer.get(upload(officer, FILE, "<img src=x>\r\nSet-Cookie: a=b.csv")).text
    assert "<img src=x" not in page
    assert officer.get(f"/dashboard/imports/{uuid.uuid4()}").status_code == 404


def test_only_those_who_work_hand_files_in(as_role: AsRole) -> None:
    auditor = as_role("auditor")
    token = token_in(auditor.get("/dashboard/imports/").text)
    data = {"csrf_token": token, "file": (io.BytesIO(FILE), "a.csv")}
    assert auditor.post("/dashboard/imports/", data=data).status_code == 403
    big = {"csrf_token": token, "file": (io.BytesIO(b"x" * 100_000), "a.csv")}
    assert auditor.post("/dashboard/imports/", data=big).status_code in {403, 413}


@pytest.fixture
def next_morning(officer: FlaskClient, parts: Services) -> FlaskClient:
    """The statement is in, the night is over, the day is compared."""
    upload(officer, FILE)
    work(parts)
    turn(parts, timedelta(hours=20))
    with parts.sessions.begin() as session:
        day = parts.calendar.day_of(parts.clock.now()) - timedelta(days=1)
        reconcile(
            session,
            parts.calendar,
            wallet=parts.wallet,
            shortcode=parts.shortcode,
            day=day,
            now=parts.clock.now(),
        )
    return officer


def test_a_day_is_proven_and_closed_once(next_morning: FlaskClient, as_role: AsRole, parts: Services) -> None:
    checker = as_role("checker")
    page = checker.get(f"/dashboard/closings/{DAY}").text
    assert "Proven" in page
    assert "1,250.00" in page
    for _ in range(2):
        checker.post(f"/dashboard/closings/{DAY}/close", data={"csrf_token": token_in(page)})
    listed = checker.get("/dashboard/closings/").text
    assert "Somebody closed it already" in listed
    assert listed.count("Closed") >= 2
    assert "is the same to the byte" in checker.get(f"/dashboard/closings/{DAY}?again=yes").text
    assert "Proven" in checker.get(f"/dashboard/day/{DAY}").text


def test_an_officer_does_not_close_and_only_a_supervisor_opens_again(
    next_morning: FlaskClient, as_role: AsRole, parts: Services
) -> None:
    checker, supervisor = as_role("checker"), as_role("supervisor")
    sign_in(next_morning, "officer@fund.example")
    token = token_in(next_morning.get("/dashboard/imports/").text)
    assert (
        next_morning.post(f"/dashboard/closings/{DAY}/close", data={"csrf_token": token}).status_code == 403
    )
    post(checker, f"/dashboard/closings/{DAY}/close", f"/dashboard/closings/{DAY}")
    page = supervisor.get("/dashboard/closings/").text
    address = re.search(r'action="(/dashboard/closings/[^"]+/reopen)"', page)
    assert address
    token = token_in(checker.get("/dashboard/closings/").text)
    assert checker.post(address[1], data={"csrf_token": token}).status_code == 403
    short = supervisor.post(address[1], data={"csrf_token": token_in(page)}, follow_redirects=True)
    assert "at least ten characters" in short.text
    reason = "the wallet sent a second statement"
    opened = supervisor.post(
        address[1], data={"csrf_token": token_in(page), "reason": reason}, follow_redirects=True
    )
    assert "Opened again by Amina Supervisor" in opened.text


@pytest.mark.parametrize("form", ["csv", "xlsx", "pdf"])
def test_the_proof_of_a_closed_day_is_the_same_bytes_whenever_it_is_made(
    next_morning: FlaskClient, as_role: AsRole, parts: Services, form: str
) -> None:
    checker = as_role("checker")
    post(checker, f"/dashboard/closings/{DAY}/close", f"/dashboard/closings/{DAY}")
    address = f"/dashboard/closings/{DAY}/proof.{form}"
    first = checker.get(address).data
    turn(parts, timedelta(minutes=7))
    assert checker.get(address).data == first
    begin = {"csv": b"cut-off,mpesa,174379,2026-11-22\r\n", "xlsx": b"PK", "pdf": b"%PDF"}[form]
    assert first.startswith(begin)
    assert checker.get(f"/dashboard/closings/{DAY}/proof.exe").status_code == 404


@pytest.mark.parametrize("day", ["2026-13-01", "tomorrow", "2026-11-30", "20261122"])
def test_a_day_that_is_none_is_not_found(officer: FlaskClient, day: str) -> None:
    assert officer.get(f"/dashboard/closings/{day}").status_code == 404


def test_only_a_month_that_has_money_is_offered_to_be_closed(
    as_role: AsRole, day: Day, parts: Services
) -> None:
    checker, offered = as_role("checker"), "Close 2026-10"
    assert day.receipts
    assert offered not in checker.get("/dashboard/closings/").text
    with parts.sessions.begin() as session:
        first = session.get_one(Receipt, day.receipts[0].id)
        first.paid_at -= timedelta(days=22)
    assert offered in checker.get("/dashboard/closings/").text


def test_a_month_is_not_closed_while_days_are_open(as_role: AsRole) -> None:
    checker = as_role("checker")
    answer = checker.post(
        "/dashboard/closings/2026-10/close",
        data={"csrf_token": token_in(checker.get("/dashboard/closings/").text)},
        follow_redirects=True,
    )
    assert "Not all days of the month are closed" in answer.text


def test_no_cell_of_a_workbook_is_a_formula(app: Flask) -> None:
    with app.test_request_context():
        rows = [["=HYPERLINK(0)", "http://evil.example", "+1", None]]
        response = xlsx_response("a.xlsx", "Title", ["a", "b", "c", "d"], rows)
    with zipfile.ZipFile(io.BytesIO(response.data)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        assert "<f>" not in sheet
        assert "hyperlink" not in sheet.lower().replace("=hyperlink(0)", "")


def test_no_workbook_lacks_rows(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "_XLSX_ROWS_MAX", 2)
    with app.test_request_context():
        assert xlsx_response("a.xlsx", "Title", ["a"], [[1], [2]]).status_code == 200
        with pytest.raises(UnprocessableEntity):
            xlsx_response("a.xlsx", "Title", ["a"], [[1], [2], [3]])


def test_closings_that_fail_their_proof_need_words(
    officer: FlaskClient, as_role: AsRole, parts: Services
) -> None:
    turn(parts, timedelta(hours=20))
    with parts.sessions.begin() as session:
        day = parts.calendar.day_of(parts.clock.now()) - timedelta(days=1)
        reconcile(
            session,
            parts.calendar,
            wallet=parts.wallet,
            shortcode=parts.shortcode,
            day=day,
            now=parts.clock.now(),
        )
    checker = as_role("checker")
    page = checker.get(f"/dashboard/closings/{DAY}").text
    assert "No statement yet" in page
    post(checker, f"/dashboard/closings/{DAY}/close", f"/dashboard/closings/{DAY}")
    assert "The proof does not hold" in checker.get("/dashboard/closings/").text
