"""The simulation is worth its time: bugs that others have had in production, planted here, are caught."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import Engine

from payments import batch_intake, crediting
from payments.wallet_lines import applying, service
from tests.payments.test_payments_simulation import Money

Plant = Callable[[pytest.MonkeyPatch], None]


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _no_lines(*_: Any, **__: Any) -> Sequence[int]:
    return ()


def _reversal_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(service, "_reverse", _nothing)


def _lost_callback_never_pulled(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(applying, "lines_to_apply", _no_lines)


def _amount_not_compared(patch: pytest.MonkeyPatch) -> None:
    for understanding in (crediting, batch_intake):
        patch.setattr(understanding, "differs_from_asked", lambda *_: "")


@pytest.mark.parametrize(
    "plant",
    [
        _reversal_ignored,
        _lost_callback_never_pulled,
        _amount_not_compared,
    ],
)
def test_a_planted_bug_is_caught(engine: Engine, monkeypatch: pytest.MonkeyPatch, plant: Plant) -> None:
    plant(monkeypatch)
    machine = type("MoneyHere", (Money,), {"engine": engine})
    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=40,
                stateful_step_count=30,
                deadline=None,
                phases=[Phase.generate],
                verbosity=Verbosity.quiet,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
