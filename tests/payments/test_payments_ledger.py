"""The ledger: sums to zero, is never changed, happens once, and its balances are its postings."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from core.errors import InvalidValue
from core.ids import new_id
from payments.ledger import service as ledger
from payments.ledger.model import Account, AccountKind, ConflictingTransfer, Leg, Reason
from payments.ledger.proof import proof
from tests.payments.world import START

Sessions = sessionmaker[Session]

FLOAT = Account(AccountKind.WALLET_FLOAT, "mpesa:600100", "KES")
SUSPENSE = Account(AccountKind.SUSPENSE, "mpesa:600100", "KES")


def _member(number: int) -> Account:
    return Account(AccountKind.MEMBER, f"member-{number}", "KES")


def _post(session: Session, key: str, legs: Sequence[Leg], corrects: str | None = None) -> bool:
    return ledger.post(
        session, key, legs, reason=Reason.CREDIT, occurred_at=START, now=START, corrects=corrects
    )


def _pair(cents: int, account: Account = SUSPENSE) -> list[Leg]:
    return [Leg(FLOAT, cents), Leg(account, -cents)]


def test_the_same_transfer_again_changes_nothing(sessions: Sessions) -> None:
    with sessions.begin() as session:
        assert _post(session, "credit:1", _pair(5000)) is True
    with sessions.begin() as session:
        assert _post(session, "credit:1", list(reversed(_pair(5000)))) is False
        assert ledger.balance(session, FLOAT) == 5000
        assert ledger.balance(session, SUSPENSE) == -5000


def test_the_same_key_with_other_legs_is_refused(sessions: Sessions) -> None:
    with sessions.begin() as session:
        _post(session, "credit:1", _pair(5000))
    for legs in (_pair(5001), _pair(5000, _member(1))):
        with pytest.raises(ConflictingTransfer), sessions.begin() as session:
            _post(session, "credit:1", legs)


@pytest.mark.parametrize(
    "legs",
    [
        [],
        [Leg(FLOAT, 100), Leg(SUSPENSE, -99)],
        [Leg(FLOAT, 0), Leg(SUSPENSE, 0)],
        [Leg(FLOAT, 100), Leg(FLOAT, -100)],
        [Leg(FLOAT, 100), Leg(Account(AccountKind.SUSPENSE, "mpesa:600100", "UGX"), -100)],
        [Leg(FLOAT, 1.5), Leg(SUSPENSE, -1.5)],  # type: ignore[arg-type]
        [Leg(FLOAT, 100), Leg(Account(AccountKind.WALLET_FLOAT, "mpesa:600200", "KES"), -100)],
    ],
)
def test_legs_that_are_no_transfer_are_refused(sessions: Sessions, legs: list[Leg]) -> None:
    with pytest.raises(InvalidValue), sessions.begin() as session:
        _post(session, "credit:1", legs)


def test_the_database_itself_refuses_a_transfer_that_does_not_sum_to_zero(sessions: Sessions) -> None:
    with sessions.begin() as session:
        _post(session, "credit:1", _pair(5000))
    stray = text(
        "INSERT INTO ledger_postings (transfer_id, account_id, amount_cents) "
        "SELECT transfer_id, account_id, 1 FROM ledger_postings LIMIT 1"
    )
    with pytest.raises(IntegrityError, match="does not sum to zero"), sessions.begin() as session:
        session.execute(stray)
    nothing = text(stray.text.replace("account_id, 1", "account_id, 0"))
    with pytest.raises(IntegrityError, match="ck_ledger_postings_amount"), sessions.begin() as session:
        session.execute(nothing)


def test_a_transfer_says_itself_what_it_moves_on_the_float(sessions: Sessions) -> None:
    batch = ledger.Transfer("credit:2", tuple(reversed(_pair(700))), Reason.CREDIT, START)
    with sessions.begin() as session:
        _post(session, "credit:1", _pair(5000))
        _post(session, "move:1", [Leg(SUSPENSE, 5000), Leg(_member(1), -5000)])
        ledger.post_many(session, [batch], now=START)
        said = session.execute(
            text(
                "SELECT t.business_key, a.key, t.float_cents FROM ledger_transfers t "
                "LEFT JOIN ledger_accounts a ON a.id = t.float_id ORDER BY 1"
            )
        ).all()
    assert said == [
        ("credit:1", FLOAT.key, 5000),
        ("credit:2", FLOAT.key, 700),
        ("move:1", None, None),
    ]


@pytest.mark.parametrize(
    "said",
    [
        # The kind of the account that the transfer names, the cents it says, and what its two postings have.
        ("wallet_float", 101, ((FLOAT, 100), (SUSPENSE, -100))),
        ("suspense", 100, ((FLOAT, 100), (SUSPENSE, -100))),
        ("wallet_float", 100, ((_member(1), 100), (SUSPENSE, -100))),
        ("wallet_float", 200, ((FLOAT, 100), (FLOAT, 100), (SUSPENSE, -200))),
    ],
)
def test_the_database_refuses_a_transfer_that_says_otherwise(
    sessions: Sessions, said: tuple[str, int, tuple[tuple[Account, int], ...]]
) -> None:
    named, cents, postings = said
    with sessions.begin() as session:
        _post(session, "credit:1", _pair(5000))
        _post(session, "move:1", [Leg(SUSPENSE, 5000), Leg(_member(1), -5000)])
    with pytest.raises(IntegrityError, match="says something else of its float"), sessions.begin() as session:
        _stray(session, named, cents, postings)


def _stray(session: Session, named: str, cents: int, postings: Sequence[tuple[Account, int]]) -> None:
    transfer_id = new_id()
    session.execute(
        text(
            "INSERT INTO ledger_transfers (id, business_key, reason, occurred_at, recorded_at, float_id, "
            "float_cents) SELECT :id, 'stray', 'credit', now(), now(), id, :cents FROM ledger_accounts "
            "WHERE kind = :kind"
        ),
        {"id": transfer_id, "cents": cents, "kind": named},
    )
    for account, amount_cents in postings:
        session.execute(
            text(
                "INSERT INTO ledger_postings (transfer_id, account_id, amount_cents) "
                "SELECT :id, id, :cents FROM ledger_accounts WHERE kind = :kind AND key = :key"
            ),
            {"id": transfer_id, "cents": amount_cents, "kind": account.kind, "key": account.key},
        )


def test_the_database_refuses_to_move_the_float_of_a_transfer_later(sessions: Sessions) -> None:
    with sessions.begin() as session:
        _post(session, "credit:1", _pair(5000))
    more = text(
        "INSERT INTO ledger_postings (transfer_id, account_id, amount_cents) "
        "SELECT transfer_id, account_id, sign(amount_cents) FROM ledger_postings"
    )
    with pytest.raises(IntegrityError, match="says something else of its float"), sessions.begin() as session:
        session.execute(more)


@pytest.mark.parametrize("table", ["ledger_postings", "ledger_transfers"])
@pytest.mark.parametrize("command", ["UPDATE {} SET {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_the_database_refuses_to_change_what_was_posted(sessions: Sessions, table: str, command: str) -> None:
    with sessions.begin() as session:
        _post(session, "credit:1", _pair(5000))
    change = "amount_cents = 1" if table == "ledger_postings" else "reason = 'x'"
    with (
        pytest.raises((IntegrityError, OperationalError), match="append-only"),
        sessions.begin() as session,
    ):
        session.execute(text(command.format(table, change)))


def test_a_correction_names_what_it_corrects(sessions: Sessions) -> None:
    with sessions.begin() as session:
        _post(session, "credit:1", _pair(5000))
        back = [Leg(FLOAT, -5000), Leg(SUSPENSE, 5000)]
        _post(session, "reverse:1", back, corrects="credit:1")
        corrected = session.execute(
            text(
                "SELECT c.business_key FROM ledger_transfers t "
                "JOIN ledger_transfers c ON c.id = t.corrects_id"
            )
        ).scalars()
        assert corrected.all() == ["credit:1"]


def test_the_proof_notices_a_balance_that_is_not_its_postings(sessions: Sessions) -> None:
    with sessions.begin() as session:
        _post(session, "credit:1", _pair(5000))
        assert proof(session).holds
    for damage in (
        "UPDATE ledger_balances SET balance_cents = balance_cents + 1",
        "DELETE FROM ledger_balances",
    ):
        with sessions() as session:
            session.execute(text(damage))
            assert not proof(session).holds


transfers = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 4), st.integers(1, 10**9)), min_size=1, max_size=20
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(transfers)
def test_whatever_is_posted_the_books_balance(sessions: Sessions, wanted: list[tuple[int, int, int]]) -> None:
    """Keys repeat: the first of a key counts, the same again is nothing, another amount is refused."""
    with sessions() as session:
        prefix = new_id()
        before = {n: ledger.balance(session, _member(n)) for n in range(5)}
        expected = dict.fromkeys(range(5), 0)
        seen: dict[int, tuple[int, int]] = {}
        for key, member, cents in wanted:
            if seen.setdefault(key, (member, cents)) != (member, cents):
                with pytest.raises(ConflictingTransfer):
                    _post(session, f"{prefix}:{key}", _pair(cents, _member(member)))
                continue
            if _post(session, f"{prefix}:{key}", _pair(cents, _member(member))):
                expected[member] -= cents
        after = {n: ledger.balance(session, _member(n)) for n in range(5)}
        assert {n: after[n] - before[n] for n in range(5)} == expected
        assert proof(session).holds


def test_many_threads_posting_the_same_and_different_transfers_never_wait_in_a_circle(
    sessions: Sessions,
) -> None:
    def work(thread: int) -> int:
        made = 0
        for turn in range(20):
            # The accounts of a transfer come in another order in each thread.
            members = [_member(n) for n in range(4)]
            ordered = members if thread % 2 else members[::-1]
            legs = [Leg(account, -100) for account in ordered] + [Leg(FLOAT, 400)]
            with sessions.begin() as session:
                made += _post(session, f"transfer:{turn}", legs)
        return made

    with ThreadPoolExecutor(4) as pool:
        made = sum(pool.map(work, range(4)))
    assert made == 20
    with sessions.begin() as session:
        assert ledger.balance(session, FLOAT) == 20 * 400
        assert proof(session).holds


@pytest.mark.parametrize("is_counted", [False, True])
def test_a_transfer_is_weighed_without_reading_every_account(sessions: Sessions, *, is_counted: bool) -> None:
    """However little the planner knows: the tables were never counted, or when they were empty."""
    read = text("SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'ledger_accounts'")
    with sessions.begin() as session:
        if is_counted:
            session.execute(text("ANALYZE ledger_transfers, ledger_postings, ledger_accounts"))
        for number in range(300):
            _post(session, f"credit:{number}", _pair(5000, _member(number)))
        before = session.scalars(read).one()
        session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        assert session.scalars(read).one() == before
