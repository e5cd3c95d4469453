"""The simulated fund keeps its promises; the same seed is the same day; bugs that others had are caught."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from core.ids import new_id
from core.vault import Vault
from operations.simulation.running import Day, hasty_engine, run_seed
from payments import prompting
from payments.contributions import service as contributions
from payments.contributions.tables import Contribution
from payments.crediting import Crediting
from payments.ledger import service as ledger
from payments.ledger.model import Account, AccountKind, Leg, Reason
from payments.model import ContributionState, EvidenceChannel
from payments.receipts import service as receipts
from payments.receipts.model import Arrival
from payments.receipts.tables import Receipt
from payments.wallet_lines import applying, service
from tests.databases import empty

STEPS = 30
PLANTED_SEEDS = range(1, 13)
# Seeds that one test lives through, so that test processes share the work evenly.
CHUNK = 10

Plant = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture
def engine(database_url: str, vault: Vault) -> Iterator[Engine]:
    hasty = hasty_engine(database_url, vault)
    yield hasty
    hasty.dispose()


def lived(engine: Engine, seed: int, steps: int = STEPS) -> Day:
    empty(engine.url)
    engine.dispose()
    return run_seed(engine, seed, steps)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "first_seed" in metafunc.fixturenames:
        seeds = metafunc.config.getoption("simulated_days")
        metafunc.parametrize(("first_seed", "seeds"), chunks(seeds))


def chunks(seeds: int) -> list[tuple[int, int]]:
    return [(first, min(CHUNK, seeds - first + 1)) for first in range(1, seeds + 1, CHUNK)]


def test_every_seed_is_lived_once() -> None:
    lived_seeds = [first + number for first, count in chunks(25) for number in range(count)]
    assert lived_seeds == list(range(1, 26))


def test_whatever_happens_no_shilling_is_lost_doubled_or_invented(
    engine: Engine, first_seed: int, seeds: int
) -> None:
    for seed in range(first_seed, first_seed + seeds):
        day = lived(engine, seed)
        again = f"bin/kibaba simulate --seed {seed} --steps {STEPS}"
        assert day.broken == "", f"{again}: {day.broken}\n" + "\n".join(day.lines[-40:])
        assert day.payments > 0


def test_the_same_seed_is_the_same_day(engine: Engine) -> None:
    first, again = lived(engine, 5), lived(engine, 5)
    assert first == again
    assert lived(engine, 6).digest != first.digest


def test_staff_divide_payments_and_join_them_again(engine: Engine) -> None:
    """Of which the days above would say nothing if it never came about."""
    days = (lived(engine, seed).lines for seed in range(1, 100))
    assert any(any(" share " in line for line in lines) and "parts joined again" in lines for lines in days)


def credit_on_duplicate(patch: pytest.MonkeyPatch) -> None:
    truly = Crediting._again

    def again(self: Crediting, session: Session, arrival: Arrival, receipt_id: Any, **more: Any) -> Any:
        receipt = session.get_one(Receipt, receipt_id)
        if receipt.member_id is not None:
            legs = [
                Leg(
                    Account.of_shortcode(AccountKind.WALLET_FLOAT, receipt.wallet, receipt.shortcode, "KES"),
                    receipt.amount_cents,
                ),
                Leg(Account.of_member(receipt.member_id, "KES"), -receipt.amount_cents),
            ]
            now = more["now"]
            ledger.post(session, f"again:{new_id()}", legs, reason=Reason.CREDIT, occurred_at=now, now=now)
        return truly(self, session, arrival, receipt_id, **more)

    patch.setattr(Crediting, "_again", again)


def lost_callback_never_pulled(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(applying, "lines_to_apply", lambda *_, **__: ())


def unknown_means_failed(patch: pytest.MonkeyPatch) -> None:
    def to_failed(_: Any, session: Session, contribution: Contribution, why: str, *, now: Any) -> None:
        contributions.move(session, contribution, ContributionState.FAILED, why, now=now)

    patch.setattr(prompting.Prompting, "_to_unknown", to_failed)


def stk_and_c2b_are_two(patch: pytest.MonkeyPatch) -> None:
    def named_by_channel(self: Arrival) -> None:
        told_by_c2b = self.source is EvidenceChannel.C2B_CONFIRMATION
        object.__setattr__(self, "receipt", self.receipt.upper() + ("C" if told_by_c2b else ""))

    patch.setattr(Arrival, "__post_init__", named_by_channel)


def reversal_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(service, "_reverse", lambda *_, **__: None)


def only_the_whole_is_reversed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(receipts, "family", lambda _session, whole: [whole])
    patch.setattr(receipts, "is_live", lambda _receipt: True)


@pytest.mark.parametrize(
    "plant",
    [
        credit_on_duplicate,
        lost_callback_never_pulled,
        unknown_means_failed,
        stk_and_c2b_are_two,
        reversal_ignored,
        only_the_whole_is_reversed,
    ],
)
def test_a_planted_bug_is_caught(engine: Engine, monkeypatch: pytest.MonkeyPatch, plant: Plant) -> None:
    plant(monkeypatch)
    broken = next((day.broken for seed in PLANTED_SEEDS if (day := lived(engine, seed)).broken), "")
    assert broken, "twelve bad days went well"
