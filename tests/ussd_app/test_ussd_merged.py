"""A phone whose membership was joined with another: it is told where the savings are, and nothing of them."""

from collections.abc import Callable
from datetime import timedelta

from core.ids import new_id
from core.money import Money
from core.phone import PhoneNumber
from members.documents import REFUGEE_ID, OtherDocument
from members.duplicates.model import CaseState, Likeness
from members.duplicates.tables import DuplicateCaseRow
from members.model import Joined, Member, Purpose
from members.numbers import NationalId
from payments.merging.deciding import decide_pair
from payments.merging.model import PairAct, PairWish
from payments.model import EvidenceChannel, MatchStep
from payments.receipts import service as receipts
from payments.receipts.model import Arrival, Owner
from tests.ussd_app.conftest import Phone
from ussd_app.bootstrap import Services

OLD, NEW = "+254712345678", "+254722000111"
PIN = "4926"


def member(services: Services, phone: str, document: NationalId | OtherDocument) -> Member:
    with services.sessions.begin() as session:
        outcome = services.members.join(
            session,
            key=phone,
            phone=PhoneNumber(phone),
            document=document,
            language="en",
            consents={Purpose.SAVING: True},
            name_confirmed=False,
            pin_hash=services.members.pins.hash_new(PIN),
            notice_version="2026-11",
        )
    assert isinstance(outcome, Joined)
    return outcome.member


def merge(services: Services, kept: Member, closed: Member) -> tuple[PairWish, DuplicateCaseRow]:
    first_id, second_id = sorted((kept.id, closed.id))
    case = DuplicateCaseRow(
        id=new_id(),
        first_id=first_id,
        second_id=second_id,
        reasons=[Likeness.PHONE],
        confidence=30,
        state=CaseState.OPEN,
        opened_at=services.clock.now(),
    )
    with services.sessions.begin() as session:
        session.add(case)
        session.flush()
        wish = PairWish(new_id(), case.id, PairAct.MERGE, "both papers side by side", kept_id=kept.id)
        decide_pair(session, wish, maker="staff:1", limit_cents=10**9, now=services.clock.now())
    return wish, case


def test_the_closed_memberships_phone_hears_where_its_savings_are(
    services: Services, phone: Callable[[str], Phone]
) -> None:
    refugee = member(services, OLD, OtherDocument.parse(REFUGEE_ID, "RCN-123456"))
    citizen = member(services, NEW, NationalId.parse("12345678"))
    now = services.clock.now()
    with services.sessions.begin() as session:
        arrival = Arrival(
            "mpesa", "600000", "SKM1A2B3C4", Money(5000), now, EvidenceChannel.C2B_CONFIRMATION,
            refugee.number.digits, PhoneNumber(OLD),
        )  # fmt: skip
        owner = Owner(refugee.id, MatchStep.MEMBER_NUMBER, "the reference names the member")
        receipts.record(session, arrival, owner, pull_delay=timedelta(seconds=3), now=now)
    wish, case = merge(services, citizen, refugee)

    told = phone(OLD).dial()
    assert told.startswith("END ")
    assert f"number {citizen.number.spaced}" in told
    assert "50" not in told.replace(citizen.number.spaced, "")
    # A link for members leads a closed membership to the same words.
    assert phone(OLD).dial("01") == told

    caller = phone(NEW)
    caller.dial("01")
    assert "KES 50" in caller.answer(PIN)

    undo = PairWish(new_id(), case.id, PairAct.UNDO, "they are two people after all", undoes_id=wish.key)
    with services.sessions.begin() as session:
        decide_pair(session, undo, maker="staff:1", limit_cents=10**9, now=services.clock.now())
    caller = phone(OLD)
    caller.dial("01")
    assert "KES 50" in caller.answer(PIN)
