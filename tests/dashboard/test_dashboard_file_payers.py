"""Whom only a statement file names: whoever agrees to pay them sees the phone, and that it is so."""

import re
from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy import select

from core.audit import AuditEntry
from core.money import Money
from core.phone import PhoneNumber
from dashboard.services import Services
from payments.model import EvidenceChannel
from payments.particulars import Particulars
from payments.receipts.tables import Receipt
from payments.wallet_lines.service import keep_lines
from payments.wallets.protocol import LineKind, WalletLine
from tests.dashboard.a_day import Day
from tests.dashboard.browsing import NOON, post
from tests.dashboard.test_dashboard_work import REASON, decide, suspended

AsRole = Callable[[str], FlaskClient]
SUSPENSE = "/dashboard/suspense/"
FILE_PAYER = PhoneNumber("+254799000666")
ONLY_A_FILE = "Only a statement file names this phone"


def hide_the_payer(parts: Services, day: Day) -> Receipt:
    """No message names who paid the one in suspense, and the wallet's own list has nothing of it."""
    with parts.sessions.begin() as session:
        receipt = session.get_one(Receipt, suspended(day).id)
        receipt.receipt = "SKZ0000001"
        receipt.particulars = Particulars(payer_mask="2547 ***** 111").to_json()
    return receipt


def name_the_payer(
    parts: Services, receipt: Receipt, source: EvidenceChannel = EvidenceChannel.STATEMENT
) -> None:
    line = WalletLine(
        receipt.shortcode,
        receipt.receipt,
        receipt.receipt,
        LineKind.CREDIT,
        Money(receipt.amount_cents),
        receipt.paid_at,
        payer=FILE_PAYER,
    )
    with parts.sessions.begin() as session:
        keep_lines(session, receipt.wallet, [line], source, now=NOON)


def test_a_refund_that_waits_for_two_people_says_so_and_what_to_do(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    receipt = hide_the_payer(parts, day)
    decide(officer, day, "refund")
    assert "before two people have decided" not in officer.get(SUSPENSE).text
    name_the_payer(parts, receipt)
    page = officer.get(SUSPENSE).text
    assert "Not paid before two people have decided" in page
    assert "Move it to suspense and refund it again" in page


def test_who_checks_a_refund_sees_the_phone_that_only_a_file_names(
    as_role: AsRole, day: Day, parts: Services
) -> None:
    receipt = hide_the_payer(parts, day)
    name_the_payer(parts, receipt)
    officer, checker = as_role("officer"), as_role("checker")
    assert "A second person decides now" in decide(officer, day, "refund")
    look = checker.get("/dashboard/checks/").text
    address = f"{SUSPENSE}{receipt.id}"
    assert f'href="{address}#unmask"' in look
    for page in (look, checker.get(address).text):
        assert re.search(rf"{re.escape(FILE_PAYER.masked)}.*{ONLY_A_FILE}", page)
        assert FILE_PAYER.e164 not in page
    in_full = post(checker, f"{address}/unmask", address, unmask_reason=REASON).text
    assert re.search(rf"{re.escape(FILE_PAYER.e164)}.*{ONLY_A_FILE}", in_full)
    # Whose mask is the message's is still told beside it.
    assert "2547 ***** 111" in in_full
    with parts.sessions() as session:
        [entry] = session.scalars(select(AuditEntry).where(AuditEntry.action == "payer.unmasked"))
    assert (entry.subject, entry.reason) == (str(receipt.id), REASON)


def test_a_decision_that_gives_nothing_back_shows_no_phone(
    as_role: AsRole, day: Day, parts: Services
) -> None:
    name_the_payer(parts, hide_the_payer(parts, day))
    object.__setattr__(parts, "four_eyes_above_cents", 100)
    decide(as_role("officer"), day, "match", number=day.numbers[0])
    page = as_role("checker").get("/dashboard/checks/").text
    assert "Look at the evidence" in page
    assert ONLY_A_FILE not in page


def test_whom_the_wallet_itself_names_is_said_to_be_named_by_no_file(
    as_role: AsRole, day: Day, parts: Services
) -> None:
    receipt = hide_the_payer(parts, day)
    name_the_payer(parts, receipt, EvidenceChannel.PULL)
    object.__setattr__(parts, "four_eyes_above_cents", 100)
    decide(as_role("officer"), day, "refund")
    checker = as_role("checker")
    for address in ("/dashboard/checks/", f"{SUSPENSE}{receipt.id}"):
        assert ONLY_A_FILE not in checker.get(address).text
