"""One receipt is one credit, whatever messages about it come, how often, in what order, or never."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from core.phone import PhoneNumber
from members.tables import MemberRow
from payments.evidence.tables import Evidence
from payments.model import EvidenceChannel
from payments.wallets.protocol import Unknown
from tests.payments.world import World


def _phone(member: MemberRow) -> PhoneNumber:
    return PhoneNumber(member.phone)


def _changed(body: str, **fields: object) -> str:
    return json.dumps(json.loads(body) | fields)


def test_a_callback_posted_twice_is_a_duplicate_and_credits_once(world: World) -> None:
    contribution_id, checkout_id = world.prompted(world.member())
    body = world.wallet.end(checkout_id, "0")
    told = [world.call_back(body, contribution_id) for _ in range(3)]
    world.work("evidence")
    assert [world.verdict(one) for one in told] == ["credited", "duplicate", "duplicate"]
    assert world.proof().credited_cents == 5000
    assert world.messages() == ["receipt"]


@pytest.mark.parametrize("hidden", [{}, {"payer_mask": "2547 ***** 001"}])
@pytest.mark.parametrize("callback_first", [True, False])
def test_callback_and_confirmation_of_one_payment_are_one_credit(
    world: World, *, callback_first: bool, hidden: dict[str, object]
) -> None:
    contribution_id, checkout_id = world.prompted(world.member())
    callback = world.wallet.end(checkout_id, "0")
    confirmation = world.wallet.confirmation_of(checkout_id, **hidden)
    if callback_first:
        told = [world.call_back(callback, contribution_id), world.confirm(confirmation)]
    else:
        told = [world.confirm(confirmation), world.call_back(callback, contribution_id)]
    world.work("evidence")
    # Of messages that are understood together, the prompt's own answer counts first.
    verdicts = [world.verdict(one) for one in told]
    assert verdicts.count("credited") == 1
    assert {"corroborates", "duplicate"} & set(verdicts)
    [receipt] = world.receipts()
    contribution = world.contribution(contribution_id)
    assert (contribution.state, contribution.receipt_id) == ("paid", receipt.id)
    assert receipt.match_step == "prompt"
    assert world.proof().credited_cents == 5000
    assert world.messages() == ["receipt"]


@pytest.mark.parametrize("code", ["1", "1032", "1037"])
def test_a_late_success_is_credited_after_a_failure(world: World, code: str) -> None:
    contribution_id, checkout_id = world.prompted(world.member())
    world.call_back(world.wallet.end(checkout_id, code), contribution_id)
    world.work("evidence")
    assert world.contribution(contribution_id).state in {"failed", "cancelled", "expired"}
    world.clock.forward(minutes=30)
    world.call_back(world.wallet.end(checkout_id, "0"), contribution_id)
    world.work("evidence")
    assert world.contribution(contribution_id).state == "paid"
    assert world.proof().credited_cents == 5000
    assert world.messages()[-1] == "receipt"


def test_a_failure_after_a_success_takes_nothing_back(world: World) -> None:
    contribution_id, checkout_id = world.prompted(world.member())
    success = world.wallet.end(checkout_id, "0")
    failure = json.dumps({"checkout_id": checkout_id, "code": "1032"})
    world.call_back(success, contribution_id)
    late = world.call_back(failure, contribution_id)
    world.work("evidence")
    assert world.verdict(late) == "noted"
    assert world.contribution(contribution_id).state == "paid"
    assert world.messages() == ["receipt"]


def test_a_failed_prompt_tells_the_member_once_and_frees_the_phone(world: World) -> None:
    member = world.member()
    contribution_id, checkout_id = world.prompted(member)
    body = world.wallet.end(checkout_id, "1032")
    told = [world.call_back(body, contribution_id) for _ in range(2)]
    world.work("evidence")
    assert [world.verdict(one) for one in told] == ["failed_prompt", "duplicate"]
    assert world.messages() == ["prompt_cancelled"]
    assert world.proof().receipts == 0
    world.prompted(member)


@pytest.mark.parametrize(
    "lie", [{"amount_cents": 500000}, {"payer": "+254733000111"}, {"amount_cents": 4999}]
)
def test_a_callback_that_differs_from_what_we_asked_credits_nothing(
    world: World, lie: dict[str, object]
) -> None:
    contribution_id, checkout_id = world.prompted(world.member())
    forged = _changed(world.wallet.end(checkout_id, "0"), **lie)
    told = world.call_back(forged, contribution_id)
    world.work("evidence")
    assert world.verdict(told) == "mismatch"
    assert world.proof().credited_cents == 0
    assert world.contribution(contribution_id).state == "prompted"
    # The wallet's own list knows better.
    world.settle(minutes=10)
    assert world.proof().credited_cents == 5000
    assert world.contribution(contribution_id).state == "paid"


def test_a_callback_for_a_prompt_we_never_sent_is_a_forgery_suspect(world: World) -> None:
    contribution_id, checkout_id = world.prompted(world.member())
    forged = _changed(world.wallet.end(checkout_id, "0"), checkout_id="ws_CO_forged", receipt="FORGED0001")
    told = [
        world.call_back(forged),
        world.call_back(forged, uuid.uuid4()),
        world.call_back(forged, contribution_id),
        world.call_back(forged, "not-an-id"),
    ]
    world.work("evidence")
    world.clock.forward(seconds=90)
    world.work("evidence")
    assert {world.verdict(one) for one in told} == {"unknown_prompt"}
    assert world.proof().credited_cents == 0


def test_a_callback_at_the_address_of_another_prompt_credits_nothing(world: World) -> None:
    first_id, _ = world.prompted(world.member())
    _, checkout_id = world.prompted(world.member())
    told = world.call_back(world.wallet.end(checkout_id, "0"), first_id)
    world.work("evidence")
    assert world.verdict(told) == "unknown_prompt"


def test_a_second_receipt_for_an_answered_prompt_is_a_mismatch(world: World) -> None:
    contribution_id, checkout_id = world.prompted(world.member())
    body = world.wallet.end(checkout_id, "0")
    world.call_back(body, contribution_id)
    second = world.call_back(_changed(body, receipt="SECOND0001"), contribution_id)
    world.work("evidence")
    assert world.verdict(second) == "mismatch"
    assert world.proof().credited_cents == 5000


@pytest.mark.parametrize("body", ["", "{}", "[1]", '{"checkout_id": 5}', "\u0000ÿ".replace("\u0000", "")])
def test_a_message_that_cannot_be_read_is_kept_and_counted(world: World, body: str) -> None:
    told = [world.call_back(body), world.confirm(body)]
    world.work("evidence")
    assert [world.verdict(one) for one in told] == ["unreadable", "unreadable"]
    with world.sessions.begin() as session:
        assert session.get_one(Evidence, told[0]).body == body


def test_the_body_is_sealed_at_rest_and_never_changed(world: World) -> None:
    world.confirm(world.wallet.pay_by_hand(_phone(world.member()), 5000, "12345678"))
    with world.sessions.begin() as session:
        assert "12345678" not in session.execute(text("SELECT body FROM evidence")).scalar_one()
    for command in ("UPDATE evidence SET body = ''", "DELETE FROM evidence"):
        with pytest.raises(DBAPIError, match="append-only"), world.sessions.begin() as session:
            session.execute(text(command))


def test_a_validation_is_only_noted(world: World) -> None:
    body = world.wallet.pay_by_hand(_phone(world.member()), 5000, "12345678")
    told = world.tell(EvidenceChannel.C2B_VALIDATION, body)
    world.work("evidence")
    assert world.verdict(told) == "noted"
    assert world.receipts() == []


def test_money_for_another_shortcode_is_not_ours(world: World) -> None:
    member = world.member()
    body = world.wallet.pay_by_hand(_phone(member), 5000, member.number)
    told = world.confirm(_changed(body, shortcode="999999"))
    world.work("evidence")
    assert world.verdict(told) == "mismatch"


def test_a_callback_that_overtakes_the_accept_finds_its_prompt(world: World) -> None:
    """The wallet answers nothing, then calls back: the address it was given names the contribution."""
    world.wallet.outcomes.append(Unknown("timeout"))
    contribution_id, checkout_id = world.prompted(world.member())
    assert world.contribution(contribution_id).state == "unknown"
    told = world.call_back(world.wallet.end(checkout_id, "0"), contribution_id)
    world.work("evidence")
    assert world.verdict(told) == "credited"
    contribution = world.contribution(contribution_id)
    assert (contribution.state, contribution.checkout_id) == ("paid", checkout_id)


def test_a_hand_payment_during_a_prompt_is_kept_apart_when_the_prompt_is_cancelled(world: World) -> None:
    member = world.member()
    contribution_id, checkout_id = world.prompted(member)
    world.confirm(world.wallet.pay_by_hand(_phone(member), 5000, member.number))
    world.work("evidence")
    assert world.contribution(contribution_id).state == "paid"
    world.call_back(world.wallet.end(checkout_id, "1032"), contribution_id)
    world.work("evidence")
    contribution = world.contribution(contribution_id)
    assert (contribution.state, contribution.receipt_id) == ("cancelled", None)
    assert world.proof().credited_cents == 5000


def test_a_hand_payment_during_a_prompt_that_is_paid_too_is_a_second_credit(world: World) -> None:
    member = world.member()
    contribution_id, checkout_id = world.prompted(member)
    world.confirm(world.wallet.pay_by_hand(_phone(member), 5000, member.number))
    world.call_back(world.wallet.end(checkout_id, "0"), contribution_id)
    world.settle(minutes=2)
    proven = next(receipt for receipt in world.receipts() if receipt.match_step == "prompt")
    assert world.contribution(contribution_id).receipt_id == proven.id
    assert world.proof().credited_cents == 10000 == world.wallet.holds_cents
    assert world.messages() == ["receipt", "receipt"]


def test_two_workers_of_the_same_message_credit_once(world: World) -> None:
    contribution_id, checkout_id = world.prompted(world.member())
    told = world.call_back(world.wallet.end(checkout_id, "0"), contribution_id)

    def understand(_: int) -> None:
        with world.sessions.begin() as session:
            world.intake.understand(session, told)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(understand, range(8)))
    assert world.proof().credited_cents == 5000
    assert world.verdict(told) == "credited"


def test_two_channels_with_the_same_receipts_at_once_credit_once(world: World) -> None:
    told = []
    for _ in range(8):
        contribution_id, checkout_id = world.prompted(world.member())
        told.append(world.call_back(world.wallet.end(checkout_id, "0"), contribution_id))
        told.append(world.confirm(world.wallet.confirmation_of(checkout_id)))

    def understand(evidence_id: uuid.UUID) -> None:
        with world.sessions.begin() as session:
            world.intake.understand(session, evidence_id)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(understand, told))
    proof = world.proof()
    assert (proof.receipts, proof.credited_cents, proof.holds) == (8, 40000, True)
    assert world.messages() == ["receipt"] * 8
    verdicts = sorted(world.verdict(one) for one in told)
    assert verdicts.count("credited") == 8
