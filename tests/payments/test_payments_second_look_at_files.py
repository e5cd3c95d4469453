"""A statement file that alone tells of much money is taken by two people, or not at all."""

import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from core.audit import AuditEntry
from core.phone import PhoneNumber
from members.tables import MemberRow
from payments.imports.handing_in import TOPIC, hand_in
from payments.imports.releasing import held, held_count, refuse, release, withdraw
from payments.imports.service import ContentGone, Importing
from payments.imports.tables import StatementImport, StatementPiece
from payments.ledger.tables import LedgerTransfer
from payments.reconciliation.tables import Break
from payments.suspense.model import NotPossible
from payments.wallet_lines.tables import StoredLine
from payments.wallets.mpesa.statement import Statement, read_statement
from payments.wallets.mpesa.statement_stream import StreamedStatement
from tests.payments.deciding import CHECKER, MAKER, REASON
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.test_payments_statement_import import AT, statement
from tests.payments.wallets.mpesa_statements import DAY_FIRST, row
from tests.payments.world import PULL_DELAY, World

LIMIT = 100_000
ABOUT = {"wallet": "mpesa", "shortcode": SHORTCODE, "name": "day.csv"}


class Portal:
    """Reads exports as the wallet does; `before_end` happens when all of a file was handed out."""

    def __init__(self) -> None:
        self.before_end: Callable[[], None] = lambda: None

    def read_statement(self, content: bytes) -> Statement:
        return read_statement(content, SHORTCODE)

    def stream_statement(self, chunks: Iterable[bytes]) -> StreamedStatement:
        def all_of_them() -> Iterable[bytes]:
            yield from chunks
            self.before_end()

        return StreamedStatement(all_of_them(), SHORTCODE)


def importing(world: World, portal: Portal | None = None) -> Importing:
    readers = {"mpesa": portal or Portal()}
    return Importing(
        world.sessions, world.clock, world.calendar, readers, pull_delay=PULL_DELAY, limit_cents=LIMIT
    )


def given(world: World, content: bytes, by: str = MAKER) -> uuid.UUID:
    """A file handed in and read, as far as one person's word goes."""
    with world.sessions.begin() as session:
        handed = hand_in(session, **ABOUT, content=content, by=by, now=world.clock.now())
    read(world)
    return handed.import_id


def read(world: World) -> None:
    """Every task there ever was is run again: each may come twice."""
    for task in world.tasks(TOPIC):
        importing(world).run(world.task(task))


def let_go(world: World, import_id: uuid.UUID, by: str = CHECKER) -> None:
    with world.sessions.begin() as session:
        release(session, import_id, by=by, now=world.clock.now())


def sent_back(world: World, import_id: uuid.UUID, by: str = CHECKER, reason: str = REASON) -> None:
    with world.sessions.begin() as session:
        refuse(session, import_id, by=by, reason=reason, now=world.clock.now())


def kept(world: World, import_id: uuid.UUID) -> StatementImport:
    with world.sessions() as session:
        return session.get_one(StatementImport, import_id)


def counts(world: World) -> tuple[int, ...]:
    """Lines, transfers, differences, pieces of files."""
    tables = (StoredLine, LedgerTransfer, Break, StatementPiece)
    with world.sessions() as session:
        return tuple(session.scalar(select(func.count()).select_from(table)) or 0 for table in tables)


def to(member: MemberRow, receipt: str, shillings: int, minute: int = 0, **told: str) -> list[str]:
    """A row that says that a member paid so much from their own phone; `told` is what else it says."""
    at = (AT + timedelta(minutes=minute)).strftime(DAY_FIRST)
    party = f"{PhoneNumber(member.phone).wire} - A B"
    as_usual = {"account": member.number, "party": party}
    return row(receipt, paid_in=f"{shillings}.00", at=at, **{**as_usual, **told})


def reversal(receipt: str, linked: str, shillings: int) -> list[str]:
    at = (AT + timedelta(minutes=9)).strftime(DAY_FIRST)
    return row(receipt, withdrawn=f"-{shillings}.00", reason="Pay Bill Reversal", at=at, linked=linked)


def test_one_officers_file_credits_nobody_until_another_has_released_it(world: World) -> None:
    member = world.member()
    content = statement([to(member, "SKZ000001", 900), to(member, "SKZ000002", 101, 1)])
    import_id = given(world, content)
    found = kept(world, import_id)
    assert (found.state, found.alone_lines, found.alone_cents, found.lines_total) == ("held", 2, 100_100, 2)
    assert [oddity["reason"][:25] for oddity in found.oddities] == ["the file has no Totals ro"]
    assert [(line["receipt"], line["kind"], line["amount_cents"]) for line in found.alone_largest] == [
        ("SKZ000001", "credit", 90_000),
        ("SKZ000002", "credit", 10_100),
    ]
    world.reconcile()
    assert counts(world) == (0, 0, 0, 1)
    assert world.receipts() == []
    # Read as often as anybody likes: it waits.
    read(world)
    assert kept(world, import_id).state == "held"
    with pytest.raises(NotPossible, match="own file"):
        let_go(world, import_id, MAKER)
    let_go(world, import_id)
    assert world.receipts() == []
    read(world)
    found = kept(world, import_id)
    assert (found.state, found.released_by, found.lines_new) == ("done", CHECKER, 2)
    assert {one.member_id for one in world.receipts()} == {member.id}
    assert counts(world)[3] == 0


def test_up_to_the_limit_a_file_is_taken_at_once(world: World) -> None:
    member = world.member()
    import_id = given(world, statement([to(member, "SKZ000001", 900), to(member, "SKZ000002", 100, 1)]))
    assert (kept(world, import_id).state, kept(world, import_id).alone_cents) == ("done", 100_000)
    assert len(world.receipts()) == 2
    # What is known by now is not told by this file alone: only what is new in it counts.
    rows = [to(member, f"SKZ00000{n}", 900 if n == 1 else 100, n - 1) for n in range(1, 5)]
    more = given(world, statement(rows), by=CHECKER)
    assert (kept(world, more).state, kept(world, more).lines_new) == ("done", 2)


def test_what_callbacks_or_a_pull_have_told_never_waits(world: World) -> None:
    member = world.member()
    for _ in range(4):
        world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 40_000, member.number))
        world.clock.forward(seconds=60)
    world.work("evidence")
    # The message of one more was lost; the list has it.
    world.wallet.pay_by_hand(PhoneNumber(member.phone), 400_000, member.number)
    world.clock.forward(minutes=10)
    world.pull()
    rows = [
        row(
            line.receipt,
            paid_in=f"{line.amount.amount_cents / 100:.2f}",
            at=world.calendar.local(line.at).strftime(DAY_FIRST),
            account=member.number,
            party=f"{PhoneNumber(member.phone).wire} - A B",
        )
        for line in world.wallet.lines
    ]
    assert len(rows) == 5
    import_id = given(world, statement(rows))
    assert (kept(world, import_id).state, kept(world, import_id).alone_lines) == ("done", 0)
    assert counts(world)[0] == 10


def test_a_file_that_names_who_paid_money_in_suspense_waits(world: World) -> None:
    """No message named the payer: with a name and an account a file would give the money to anybody."""
    thief = world.member()
    hidden = world.wallet.pay_by_hand(
        PhoneNumber("+254733000111"), 250_000, "WHO", payer_mask="2547 ***** 111"
    )
    world.wallet.is_down = True
    world.confirm(hidden)
    world.work("evidence")
    [receipt] = world.receipts()
    assert receipt.member_id is None
    at = world.calendar.local(receipt.paid_at).strftime(DAY_FIRST)
    party = f"{PhoneNumber(thief.phone).wire} - A B"
    named = row(receipt.receipt, paid_in="2500.00", at=at, account=thief.number, party=party)
    import_id = given(world, statement([named]))
    found = kept(world, import_id)
    assert (found.state, found.alone_cents, found.alone_largest[0]["kind"]) == ("held", 250_000, "payer")
    assert world.receipts()[0].member_id is None
    # A file that names nobody moves nothing, and is taken.
    veiled = row(receipt.receipt, paid_in="2500.00", at=at, account="WHO", party="2547***111 - A B")
    assert kept(world, given(world, statement([veiled]))).state == "done"
    # Once the wallet's own list names who paid, a file that says the same is no news.
    world.wallet.is_down = False
    world.clock.forward(minutes=10)
    world.pull()
    assert world.receipts()[0].member_id is None
    sent_back(world, import_id)
    again = given(world, statement([named]))
    assert kept(world, again).state == "done"
    assert world.receipts()[0].member_id is None


def test_a_file_of_reversals_waits(world: World) -> None:
    member = world.member()
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 150_000, member.number))
    world.work("evidence")
    [receipt] = world.receipts()
    content = statement([reversal("SKZ000009", receipt.receipt, 1500)])
    import_id = given(world, content)
    found = kept(world, import_id)
    assert (found.state, found.alone_lines, found.alone_cents) == ("held", 1, 150_000)
    assert found.alone_largest[0]["kind"] == "reversal"
    assert world.receipts()[0].reversed_at is None
    let_go(world, import_id)
    read(world)
    assert world.receipts()[0].reversed_at is not None
    # Told once more, in other bytes: it is taken back already.
    assert kept(world, given(world, content + b"\r\n")).state == "done"


def test_a_reversal_that_comes_before_its_payment_waits_too(world: World) -> None:
    """It would take the payment back as soon as a message tells of it."""
    import_id = given(world, statement([reversal("SKZ000009", "SKZ000001", 1500)]))
    assert kept(world, import_id).state == "held"


def test_a_reversal_that_the_wallets_own_list_has_is_no_news(world: World) -> None:
    member = world.member()
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 150_000, member.number))
    world.work("evidence")
    [receipt] = world.receipts()
    world.wallet.take_back(receipt.receipt)
    world.clock.forward(minutes=10)
    world.pull()
    assert world.receipts()[0].reversed_at is not None
    import_id = given(world, statement([reversal("SKZ000009", receipt.receipt, 1500)]))
    assert kept(world, import_id).state == "done"


def test_of_many_lines_the_largest_are_shown_and_each_counts_once(world: World) -> None:
    member = world.member()
    rows = [to(member, f"SKZ0000{n:02d}", 100 + n, n) for n in range(30)]
    import_id = given(world, statement([*rows, rows[0], rows[7]]))
    found = kept(world, import_id)
    assert (found.alone_lines, found.alone_cents) == (30, sum(100 * (100 + n) for n in range(30)))
    largest = [100 * (100 + n) for n in range(29, 9, -1)]
    assert [line["amount_cents"] for line in found.alone_largest] == largest


@pytest.fixture
def waiting(world: World) -> uuid.UUID:
    """A file that waits for a second person."""
    return given(world, statement([to(world.member(), "SKZ000001", 5000)]))


def acts(world: World) -> list[str]:
    with world.sessions() as session:
        of_files = select(AuditEntry.action).where(AuditEntry.action.startswith("statement."))
        return list(session.scalars(of_files.order_by(AuditEntry.number)))


def test_two_people_at_once_release_it_once(world: World, waiting: uuid.UUID) -> None:
    def one(by: str) -> str:
        try:
            let_go(world, waiting, by)
        except NotPossible as error:
            return error.why
        return "released"

    with ThreadPoolExecutor(4) as pool:
        said = sorted(pool.map(one, [CHECKER, "staff:third", CHECKER, "staff:fourth"]))
    assert said == ["not_held", "not_held", "not_held", "released"]
    assert len(world.tasks(TOPIC)) == 2
    read(world)
    read(world)
    assert len(world.receipts()) == 1
    assert acts(world) == ["statement.held", "statement.released", "statement.imported"]


def test_a_task_that_dies_after_the_release_takes_it_once(world: World, waiting: uuid.UUID) -> None:
    """The worker that held it may be cut off before its task is done: that task comes again."""
    let_go(world, waiting)
    old, new = world.tasks(TOPIC)
    assert old.key != new.key

    class Cut(Exception):  # noqa: N818
        pass

    def die() -> None:
        raise Cut

    portal = Portal()
    portal.before_end = die
    with pytest.raises(Cut):
        importing(world, portal).run(world.task(new))
    assert kept(world, waiting).state == "reading"
    for task in (old, new, old, new):
        importing(world).run(world.task(task))
    assert kept(world, waiting).state == "done"
    assert [one.amount_cents for one in world.receipts()] == [500_000]


def test_an_attempt_from_before_holds_nothing_that_was_released(world: World, waiting: uuid.UUID) -> None:
    """A worker that hangs reads it twice: what it finds must not undo what a person decided meanwhile."""
    with world.sessions.begin() as session:
        session.execute(update(StatementImport).values(state="waiting"))
    portal = Portal()

    def meanwhile() -> None:
        with world.sessions.begin() as session:
            session.execute(update(StatementImport).values(state="held"))
        let_go(world, waiting)

    portal.before_end = meanwhile
    importing(world, portal).run(world.task(world.tasks(TOPIC)[0]))
    assert (kept(world, waiting).state, kept(world, waiting).released_by) == ("waiting", CHECKER)
    read(world)
    assert kept(world, waiting).state == "done"


def test_what_was_forgotten_while_it_was_read_is_not_taken_for_the_whole_file(world: World) -> None:
    member = world.member()
    small = statement([to(member, "SKZ000001", 10)])
    with world.sessions.begin() as session:
        handed = hand_in(session, **ABOUT, content=small, by=MAKER, now=world.clock.now())
        session.execute(update(StatementImport).values(size_bytes=len(small) + 1))
    with pytest.raises(ContentGone):
        read(world)
    assert kept(world, handed.import_id).state == "reading"
    assert counts(world)[:2] == (0, 0)


def test_a_refused_file_is_forgotten_and_can_be_handed_in_anew(world: World) -> None:
    content = statement([to(world.member(), "SKZ000001", 5000)])
    import_id = given(world, content)
    assert given(world, content, by=CHECKER) == import_id
    with pytest.raises(NotPossible, match="no reason"):
        sent_back(world, import_id, reason="no")
    assert counts(world)[3] == 1
    sent_back(world, import_id)
    found = kept(world, import_id)
    assert (found.state, found.refused_by, found.refused_reason) == ("refused", CHECKER, REASON)
    assert counts(world) == (0, 0, 0, 0)
    for act in (let_go, sent_back):
        with pytest.raises(NotPossible, match="not held"):
            act(world, import_id)
    read(world)
    assert kept(world, import_id).state == "refused"
    again = given(world, content)
    assert again != import_id
    assert kept(world, again).state == "held"
    let_go(world, again)
    read(world)
    assert len(world.receipts()) == 1
    assert given(world, content) == again


def test_who_handed_it_in_withdraws_it_and_nobody_else(world: World, waiting: uuid.UUID) -> None:
    with world.sessions.begin() as session:
        assert (held_count(session), [one.id for one in held(session)]) == (1, [waiting])
    with pytest.raises(NotPossible, match="not own file"), world.sessions.begin() as session:
        withdraw(session, waiting, by=CHECKER, now=world.clock.now())
    with world.sessions.begin() as session:
        withdraw(session, waiting, by=MAKER, now=world.clock.now())
    with world.sessions.begin() as session:
        assert held_count(session) == 0
    assert (kept(world, waiting).state, kept(world, waiting).refused_by) == ("refused", MAKER)
    assert counts(world) == (0, 0, 0, 0)
    assert acts(world) == ["statement.held", "statement.withdrawn"]


def test_the_database_refuses_that_the_two_are_one(world: World, waiting: uuid.UUID) -> None:
    with pytest.raises(IntegrityError, match="two_people"), world.sessions.begin() as session:
        session.execute(update(StatementImport).values(released_by=MAKER))


def test_what_a_pull_told_while_it_waited_is_not_taken_twice(world: World) -> None:
    member = world.member()
    world.wallet.is_down = True
    world.wallet.pay_by_hand(PhoneNumber(member.phone), 150_000, member.number)
    [line] = world.wallet.lines
    at = world.calendar.local(line.at).strftime(DAY_FIRST)
    party = f"{PhoneNumber(member.phone).wire} - A B"
    rows = [row(line.receipt, paid_in="1500.00", at=at, account=member.number, party=party)]
    import_id = given(world, statement(rows))
    assert kept(world, import_id).state == "held"
    world.wallet.is_down = False
    world.clock.forward(minutes=10)
    world.pull()
    assert len(world.receipts()) == 1
    read(world)
    assert kept(world, import_id).state == "held"
    let_go(world, import_id)
    read(world)
    assert (kept(world, import_id).state, kept(world, import_id).applied) == ("done", 0)
    assert len(world.receipts()) == 1
