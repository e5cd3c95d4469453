"""Dividing a payment on its page: what was typed is kept until it adds up, then done once or proposed."""

import re
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from werkzeug.test import TestResponse

from dashboard import dividing
from dashboard.dividing import cents_of
from dashboard.services import Services
from payments.receipts.parts import live_parts
from payments.receipts.tables import Receipt
from payments.suspense.tables import Decision
from tests.dashboard.a_day import Day
from tests.dashboard.browsing import token_in
from tests.dashboard.test_dashboard_reading import acts
from tests.dashboard.test_dashboard_work import REASON, count, saved, suspended

AsRole = Callable[[str], FlaskClient]


def address_of(receipt: Receipt) -> str:
    return f"/dashboard/split/{receipt.id}"


def form_of(client: FlaskClient, receipt: Receipt) -> dict[str, str]:
    page = client.get(address_of(receipt)).text
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key
    return {"csrf_token": token_in(page), "key": key[1], "reason": REASON}


def send(
    client: FlaskClient,
    receipt: Receipt,
    *rows: tuple[str, str],
    step: str = "split",
    fields: dict[str, str] | None = None,
    follow: bool = True,
) -> TestResponse:
    known = form_of(client, receipt) if fields is None else fields
    data = known | {"step": step, "number": [row[0] for row in rows], "amount": [row[1] for row in rows]}
    return client.post(address_of(receipt), data=data, follow_redirects=follow)


def in_two(day: Day, rest: str = "0") -> tuple[tuple[str, str], tuple[str, str]]:
    """All but `rest` shillings of the payment in suspense, in two parts that differ."""
    left = suspended(day).amount_cents - int(rest) * 100
    first = left // 3
    return (day.numbers[0], f"{first / 100:.2f}"), (day.numbers[1], f"{(left - first) / 100:.2f}")


def parts_in(parts: Services, receipt: Receipt) -> list[Receipt]:
    with parts.sessions() as session:
        return list(live_parts(session, receipt.id))


def test_the_way_to_it_stands_among_the_decisions(officer: FlaskClient, day: Day) -> None:
    for page in (f"suspense/{suspended(day).id}", f"exceptions/{day.breaks['suspense']}"):
        assert "Divide it among several members" in officer.get(f"/dashboard/{page}").text
    page = officer.get(address_of(suspended(day))).text
    assert page.count('name="number"') == 4
    assert suspended(day).receipt in page


def test_it_is_divided_to_the_cent_and_both_sides_show_it(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    receipt = suspended(day)
    before = [saved(parts, member) for member in day.members[:2]]
    rows = in_two(day)
    page = send(officer, receipt, *rows, ("", "")).text
    assert "Done." in page
    assert "Divided among members" in page
    after = [saved(parts, member) for member in day.members[:2]]
    gained = [now - then for now, then in zip(after, before, strict=True)]
    assert gained == [cents_of(amount) for _, amount in rows]
    assert sum(gained) == receipt.amount_cents
    whole = officer.get(f"/dashboard/payments/{receipt.id}").text
    assert all(f"{receipt.receipt}-{place}" in whole for place in (1, 2))
    assert "2 parts" in whole
    part = parts_in(parts, receipt)[0]
    assert "The whole payment" in officer.get(f"/dashboard/payments/{part.id}").text
    assert part.receipt in officer.get(f"/dashboard/members/{part.member_id}").text
    found = officer.get(f"/dashboard/payments/?receipt={part.receipt.lower()}")
    assert found.headers["Location"].endswith(str(part.id))
    listed = officer.get("/dashboard/payments/").text
    assert part.receipt not in listed
    assert "2 parts" in listed


def test_what_is_left_over_is_in_suspense_and_can_be_undone_with_the_rest(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    receipt = suspended(day)
    send(officer, receipt, *in_two(day, rest="7"))
    rest = parts_in(parts, receipt)[-1]
    assert (rest.member_id, rest.amount_cents) == (None, 700)
    assert rest.receipt in officer.get("/dashboard/suspense/").text
    page = officer.get(f"/dashboard/suspense/{receipt.id}").text
    undo = re.search(r'name="key" value="([^"]+)".*?value="(undo:[^"]+)"', page)
    assert undo
    data = {"csrf_token": token_in(page), "key": undo[1], "choice": undo[2], "reason": REASON}
    answer = officer.post(f"/dashboard/suspense/{receipt.id}", data=data, follow_redirects=True)
    assert "Done." in answer.text
    assert parts_in(parts, receipt) == []
    assert receipt.receipt in officer.get("/dashboard/suspense/").text


def test_names_and_what_is_left_are_shown_before_anything_is_done(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    receipt = suspended(day)
    rows = in_two(day, rest="7")
    page = send(officer, receipt, *rows, step="look").text
    assert page.count("A**** O*****") + page.count("J*** K*******") == 2
    assert re.search(r"data-rest[^>]*>7.00<", page)
    assert REASON in page
    more = send(officer, receipt, *rows, step="more").text
    assert more.count('name="number"') == 6
    assert all(f'value="{typed}"' in more for row in rows for typed in row)
    assert count(parts) == 0


def test_whose_name_was_seen_is_written_down_also_when_nothing_is_done(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    receipt = suspended(day)
    fields = form_of(officer, receipt)
    first, other = day.numbers[:2]

    def seen(*numbers: str, step: str = "look", reason: str = REASON, amount: str = "1") -> list[str]:
        before = len(acts(parts))
        send(
            officer,
            receipt,
            *((number, amount) for number in numbers),
            step=step,
            fields=fields | {"reason": reason},
        )
        found = acts(parts)[before:]
        assert found[0].action == "suspense.opened"
        assert {entry.action for entry in found[1:]} == {"split.member_seen"}
        return [entry.subject for entry in found[1:]]

    ids = [str(member) for member in day.members[:2]]
    assert seen(first, other, first, "") == ids
    assert seen(other, step="more") == ids[1:]
    # One that is wrong, one that takes too much, and one without a reason.
    assert seen(first, "999999999", step="split") == ids[:1]
    assert seen(first, step="split", amount="999999") == ids[:1]
    assert seen(first, other, step="split", reason="short") == ids
    assert count(parts) == 0


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("999999999", "10")], "No member has this number"),
        ([("{0}", "")], "Type an amount"),
        ([("{0}", "ten")], "Not an amount"),
        ([("{0}", "0")], "Not an amount"),
        ([("{0}", "1.234")], "Not an amount"),
        ([("{0}", "3,50")], "Not an amount"),
        ([("", "10")], "Type a member number"),
        ([("{0}", "10"), ("{0}", "10")], "This member stands above already"),
        ([("{0}", "10"), ("{1}", "999999")], "more than was paid"),
        ([], "Name the members"),
        ([("{0}", "{all}")], "All of it is for one member"),
    ],
)
def test_what_is_wrong_is_said_beside_its_row_and_nothing_typed_is_lost(
    officer: FlaskClient, day: Day, parts: Services, rows: list[tuple[str, str]], words: str
) -> None:
    receipt = suspended(day)
    everything = f"{receipt.amount_cents / 100:.2f}"
    typed = [tuple(cell.format(*day.numbers, all=everything) for cell in row) for row in rows]
    answer = send(officer, receipt, *typed)  # type: ignore[arg-type]  # pairs, made from pairs
    assert answer.status_code == 422
    assert words in answer.text
    assert all(f'value="{cell}"' in answer.text for row in typed for cell in row if cell)
    assert REASON in answer.text
    assert count(parts) == 0


def test_a_reason_is_needed(officer: FlaskClient, day: Day, parts: Services) -> None:
    receipt = suspended(day)
    fields = form_of(officer, receipt) | {"reason": "short"}
    answer = send(officer, receipt, *in_two(day), fields=fields)
    assert (answer.status_code, count(parts)) == (422, 0)
    assert "at least ten characters" in answer.text


def test_a_double_click_divides_once_and_a_second_form_is_told_so(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    receipt = suspended(day)
    fields, other = form_of(officer, receipt), form_of(officer, receipt)
    for _ in range(2):
        assert send(officer, receipt, *in_two(day), fields=fields, follow=False).status_code == 302
    assert count(parts) == 1
    late = send(officer, receipt, *in_two(day), fields=other)
    assert "divided already" in late.text
    assert count(parts) == 1
    gone = officer.get(address_of(receipt), follow_redirects=True)
    assert "divided already" in gone.text


def test_above_the_limit_the_checker_sees_every_share(as_role: AsRole, day: Day, parts: Services) -> None:
    object.__setattr__(parts, "four_eyes_above_cents", 100)
    officer, checker = as_role("officer"), as_role("checker")
    receipt = suspended(day)
    assert "A second person decides now" in send(officer, receipt, *in_two(day, rest="7")).text
    page = checker.get("/dashboard/checks/").text
    assert "Divide it among several members" in page
    for number, amount in in_two(day, rest="7"):
        assert f"{number[:3]} {number[3:6]} {number[6:]}" in page
        assert amount.removesuffix(".00") in page
    assert "KES 7" in page
    with parts.sessions() as session:
        proposal = session.scalars(select(Decision)).one()
    fields = {"csrf_token": token_in(page), "answer": "approve", "reason": REASON}
    checker.post(f"/dashboard/checks/{proposal.id}", data=fields)
    assert len(parts_in(parts, receipt)) == 3


def test_a_part_of_what_two_people_divided_says_that_a_second_person_decides(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    receipt = suspended(day)
    send(officer, receipt, *in_two(day, rest="7"))
    part, rest = parts_in(parts, receipt)[0], parts_in(parts, receipt)[-1]
    object.__setattr__(parts, "four_eyes_above_cents", receipt.amount_cents - 1)
    assert part.amount_cents < parts.four_eyes_above_cents
    for address in (f"suspense/{part.id}", f"split/{rest.id}"):
        assert "A second person approves" in officer.get(f"/dashboard/{address}").text


def test_who_has_the_money_stands_in_the_first_row(officer: FlaskClient, day: Day) -> None:
    credited = day.receipts[0]
    assert f'value="{day.numbers[0]}"' in officer.get(address_of(credited)).text


def test_an_auditor_does_not_divide_and_odd_posts_are_refused(
    as_role: AsRole, day: Day, parts: Services
) -> None:
    receipt = suspended(day)
    assert as_role("auditor").get(address_of(receipt)).status_code == 403
    officer = as_role("officer")
    fields = form_of(officer, receipt)
    assert send(officer, receipt, step="burn", fields=fields).status_code == 400
    assert send(officer, receipt, fields=fields | {"key": "x"}).status_code == 400
    assert officer.get(f"/dashboard/split/{uuid.uuid4()}").status_code == 404
    assert count(parts) == 0


def test_no_page_about_parts_shows_personal_data(officer: FlaskClient, day: Day, parts: Services) -> None:
    receipt = suspended(day)
    pages = [send(officer, receipt, *in_two(day), step="look").text]
    send(officer, receipt, *in_two(day, rest="7"))
    pages += [
        officer.get(address).text
        for one in (receipt, *parts_in(parts, receipt))
        for address in (f"/dashboard/payments/{one.id}", f"/dashboard/suspense/{one.id}")
    ]
    assert not [secret for secret in day.secrets for page in pages if secret in page]


@pytest.mark.parametrize(
    ("typed", "cents"),
    [
        ("1,200", 120_000),
        ("1 200.50", 120_050),
        ("1200.5", 120_050),
        ("12,345,678.90", 1_234_567_890),
        ("300,50", None),
        ("3,5", None),
        ("1,2000", None),
        ("1200,500", None),
        ("1,200 300", None),
        (",200", None),
        ("1,200,", None),
        ("1 200,50", None),
        ("1.200,50", None),
        ("1,200.500", None),
    ],
)
def test_a_comma_is_for_thousands_and_never_a_decimal_point(typed: str, cents: int | None) -> None:
    assert cents_of(typed) == cents


def test_the_page_counts_with_the_amounts_that_the_server_reads() -> None:
    script = (Path(dividing.__file__).parent / "static" / "work.js").read_text(encoding="utf-8")
    [counted] = re.findall(r"const amount = /\^(.+)\$/;", script)
    assert counted == dividing._AMOUNT.pattern


@given(st.integers(0, 10**11 - 1))
def test_an_amount_as_it_is_shown_is_the_amount_as_it_is_read(cents: int) -> None:
    for shown in (f"{cents // 100:,}.{cents % 100:02d}", f"{cents / 100:.2f}"):
        assert cents_of(shown) == cents
    assert cents_of(f"-{cents}") is None
