"""What must hold after each step, and what must be true when everything has come to rest."""

from collections import Counter
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from operations.simulation.story import Story
from operations.simulation.wallet import SHORTCODE
from payments.ledger import service as ledger
from payments.ledger.model import Account, AccountKind
from payments.ledger.proof import Proof, proof
from payments.wallets.protocol import LineKind


class Broken(AssertionError):  # noqa: N818 -- it reads as what it is
    """A promise did not hold; says which."""


def check_step(story: Story) -> None:
    """Raises Broken when a promise that holds at all times does not."""
    with story.house.sessions.begin() as session:
        found = proof(session)
        receipts = session.execute(text(_RECEIPTS)).all()
        doubly = session.execute(text(_DOUBLY_CREDITED)).all()
        torn = session.execute(text(_TORN)).all()
        confirmed = {row.receipt for row in session.execute(text(_CONFIRMED))}
        states = {row.id: row.state for row in session.execute(text(_STATES))}
        kept = session.scalar(text(_KEPT)) or 0
    truth = _truth(story)
    _expect(found.postings_sum_cents == 0, "postings do not sum to zero")
    _expect(found.balances_equal_postings, "balances differ from postings")
    _expect(not doubly, f"credited more than once: {doubly}")
    _expect(not torn, f"parts are not their whole: {torn}")
    known = {row.receipt for row in receipts}
    _expect(known <= truth.keys() | story.forged, f"no such payments: {known - truth.keys() - story.forged}")
    _expect(confirmed <= truth.keys(), "confirmed what the wallet does not list")
    held = found.credited_cents + found.suspense_cents + found.refunds_payable_cents
    _expect(held == kept, f"we hold {held} cents for others; receipts and refunds make {kept}")
    waiting = [one for one in story.house.wallet.prompts.values() if not one.code]
    too_early = [one.checkout_id for one in waiting if states[one.request.contribution_id] == "failed"]
    _expect(not too_early, f"called failed while the prompt is on the phone: {too_early}")
    sent = [prompt.request.contribution_id for prompt in story.house.wallet.prompts.values()]
    _expect(len(sent) == len(set(sent)), "a prompt was on the phone twice")


def check_rest(story: Story) -> Proof:
    """Raises Broken when a promise for the end of the day does not hold."""
    check_step(story)
    house = story.house
    with house.sessions.begin() as session:
        found = proof(session)
        _check_money(story, session, found)
        _check_receipts(story, session)
        untold = session.execute(text(_UNTOLD)).all()
        odd = session.execute(text(_ODD_CONTRIBUTIONS)).all()
        unposted = session.execute(text(_UNPOSTED)).all()
        states = {row.id: row.state for row in session.execute(text(_STATES))}
        waiting = session.execute(text(_WAITING_REFUNDS)).all()
        mistimed = session.execute(text(_MISTIMED)).all()
        dead = session.execute(text("SELECT topic, last_error FROM outbox WHERE state = 'dead'")).all()
    _expect(found.unknown == 0, f"{found.unknown} payments are unknown")
    _expect(not untold, f"not exactly one receipt SMS: {untold}")
    _expect(not odd, f"contributions without an end: {odd}")
    _expect(not unposted, f"not acknowledged: {unposted}")
    _expect(not waiting, f"refunds without an end: {waiting}")
    _expect(not mistimed, f"told to the registry of another time: {mistimed}")
    _expect(not dead, f"given up: {dead}")
    _check_wishes(story, states)
    return found


def _check_wishes(story: Story, states: dict[UUID, str]) -> None:
    """As many wishes of a phone and amount are paid as prompts were: which of two alike nobody can tell."""
    paid: Counter[tuple[str, int]] = Counter()
    answered: Counter[tuple[str, int]] = Counter()
    for prompt in story.house.wallet.prompts.values():
        alike = (prompt.request.phone.e164, prompt.request.amount.amount_cents)
        paid[alike] += states[prompt.request.contribution_id] == "paid"
        answered[alike] += bool(prompt.receipt)
    short = {alike: count for alike, count in answered.items() if paid[alike] < count}
    _expect(not short, f"paid prompts whose wishes are not paid: {sorted(short.items())}")


def _check_money(story: Story, session: Session, found: Proof) -> None:
    accounts = {
        kind: ledger.balance(session, Account.of_shortcode(kind, "mpesa", SHORTCODE, "KES"))
        for kind in (AccountKind.WALLET_FLOAT, AccountKind.BANK_IN_TRANSIT, AccountKind.CHARGES)
    }
    forged = sum(row.amount_cents for row in session.execute(text(_RECEIPTS)) if row.receipt in story.forged)
    holds = story.house.wallet.holds_cents
    float_cents = accounts[AccountKind.WALLET_FLOAT] - forged
    _expect(float_cents == holds, f"the ledger says {float_cents}, the wallet holds {holds}")
    owed = found.credited_cents + found.suspense_cents + found.refunds_payable_cents
    _expect(owed == sum(accounts.values()), "what we owe is not what we have")
    paid = sum(request.amount.amount_cents for request in story.house.payouts.paid.values())
    _expect(found.refunded_cents == paid, f"{paid} was paid out, {found.refunded_cents} is in the books")
    counted = sum(record.amount.amount_cents for record in story.house.registry.counted)
    # A forgery that names a member waits for a second sign; a claim or staff may give it to them.
    given = session.execute(text(_GIVEN)).all()
    credited = found.credited_cents - sum(row.amount_cents for row in given if row.receipt in story.forged)
    _expect(counted == credited, f"the registry counts {counted} cents, members have {credited}")
    # What was told anew left a record behind, and the one that makes it void.
    anew = session.scalar(text(_TOLD_ANEW)) or 0
    _expect(
        len(story.house.registry.stored) == found.acknowledged + found.corrected + 2 * anew,
        "the registry's records are not those that were acknowledged",
    )


def _check_receipts(story: Story, session: Session) -> None:
    known = {row.receipt: row for row in session.execute(text(_RECEIPTS_ALL))}
    reversed_ones = {line.linked_receipt for line in story.house.wallet.lines if line.linked_receipt}
    for receipt, cents in _truth(story).items():
        _expect(receipt in known, f"{receipt} was paid and is nowhere")
        _expect(known[receipt].amount_cents == cents, f"{receipt} has another amount")
        is_reversed = known[receipt].reversed_at is not None
        _expect(is_reversed == (receipt in reversed_ones), f"{receipt}: reversal not as in the wallet")
    registry = story.house.registry
    void = {*registry.corrects, *registry.corrects.values()}
    told = Counter(stored.receipt for name, stored in registry.stored.items() if name not in void)
    _expect(not told.keys() & story.forged, "the registry was told of a forgery")
    _expect(max(told.values(), default=1) == 1, "the registry has a payment twice")
    corrected = Counter(registry.corrects.values())
    _expect(
        corrected.keys() <= registry.stored.keys(), "the registry was told of the end of what it never had"
    )
    _expect(max(corrected.values(), default=1) == 1, "the registry has a correction twice")


def _truth(story: Story) -> dict[str, int]:
    lines = story.house.wallet.lines
    return {line.receipt: line.amount.amount_cents for line in lines if line.kind is LineKind.CREDIT}


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Broken(otherwise)


_RECEIPTS = """
SELECT receipt, amount_cents FROM receipts WHERE reversed_at IS NULL AND part_of IS NULL ORDER BY receipt
"""
_GIVEN = """
SELECT coalesce(whole.receipt, r.receipt) AS receipt, r.amount_cents
FROM receipts r LEFT JOIN receipts whole ON whole.id = r.part_of
WHERE r.reversed_at IS NULL AND r.member_id IS NOT NULL
"""
_RECEIPTS_ALL = """
SELECT receipt, amount_cents, reversed_at FROM receipts WHERE part_of IS NULL ORDER BY receipt
"""
_DOUBLY_CREDITED = """
SELECT receipt, count(*) FROM receipts GROUP BY wallet, shortcode, receipt HAVING count(*) > 1
"""
_TORN = """
SELECT w.receipt FROM receipts w LEFT JOIN receipts p ON p.part_of = w.id
WHERE w.part_of IS NULL GROUP BY w.id
HAVING coalesce(sum(p.amount_cents) FILTER (WHERE p.staff_place NOT IN ('split', 'rejoined')), 0)
    <> CASE w.staff_place WHEN 'split' THEN w.amount_cents ELSE 0 END
  -- What the wallet takes back it takes of all parts that there ever were.
  OR bool_or((p.reversed_at IS NULL) <> (w.reversed_at IS NULL)) FILTER (WHERE p.id IS NOT NULL)
"""
_CONFIRMED = """
SELECT r.receipt FROM receipts r JOIN wallet_lines l
  ON (l.wallet, l.shortcode, l.receipt, l.amount_cents) = (r.wallet, r.shortcode, r.receipt, r.amount_cents)
WHERE l.kind = 'credit'
"""
_STATES = "SELECT id, state FROM contributions"
_KEPT = """
SELECT coalesce((SELECT sum(amount_cents) FROM receipts WHERE reversed_at IS NULL AND part_of IS NULL), 0)
     - coalesce((SELECT sum(amount_cents) FROM refunds WHERE state = 'paid' AND way = 'payout'), 0)
"""
_UNTOLD = """
SELECT r.receipt, count(o.id) FROM receipts r
LEFT JOIN outbox o ON o.topic = 'message'
  AND (o.key = 'receipt:' || r.id OR (r.part_of IS NOT NULL AND o.key LIKE 'part:%:' || r.id))
WHERE r.member_id IS NOT NULL GROUP BY r.receipt HAVING count(o.id) <> 1 ORDER BY r.receipt
"""
_ODD_CONTRIBUTIONS = """
SELECT id, state FROM contributions WHERE (state = 'paid') <> (receipt_id IS NOT NULL)
   OR state IN ('requested', 'prompting', 'prompted', 'unknown') ORDER BY id
"""
_UNPOSTED = """
SELECT r.receipt, p.state, p.last_error FROM receipts r LEFT JOIN registry_postings p ON p.receipt_id = r.id
WHERE r.member_id IS NOT NULL AND r.reversed_at IS NULL AND p.state IS DISTINCT FROM 'acknowledged'
  AND r.receipt NOT LIKE 'FORGED%' ORDER BY r.receipt
"""
# The figures of a day find postings by the time of payment.
_MISTIMED = """
SELECT r.receipt FROM receipts r JOIN registry_postings p ON p.receipt_id = r.id WHERE p.paid_at <> r.paid_at
"""
_TOLD_ANEW = """
SELECT count(*) FROM registry_corrections c
WHERE state = 'acknowledged'
  AND NOT EXISTS (SELECT FROM registry_postings p WHERE p.reference_id = c.corrects)
"""
_WAITING_REFUNDS = """
SELECT id, state FROM refunds WHERE state NOT IN ('paid', 'failed') ORDER BY id
"""
