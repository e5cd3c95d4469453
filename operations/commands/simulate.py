"""`bin/kibaba simulate`."""

import logging
import sys
import time
from collections import Counter

import click

from core.logging import configure_logging
from core.vault import Vault
from operations.commands.output import json_option, show
from operations.house import settings
from operations.simulation.running import Day, empty, run_seed, scratch_engine

DIARY_LINES_SHOWN = 25


@click.command()
@click.option("--seed", default=1, show_default=True, help="The first seed.")
@click.option("--seeds", default=1, show_default=True, help="How many, one after the other (CI: 300).")
@click.option("--steps", default=60, show_default=True, help="Acts in each day.")
@json_option
def simulate(seed: int, seeds: int, steps: int, as_json: bool) -> None:
    """Live through bad days: messages lost, doubled, late, forged; processes killed between any two writes.

    Real services work on a scratch database in virtual time. What is promised is checked after each act and
    at the end. A seed whose day breaks a promise is printed; the same seed and steps give the same day.
    """
    began = time.monotonic()
    # Failures are what this is about; each is counted, none needs a log line.
    configure_logging("simulation", logging.CRITICAL)
    faults: Counter[str] = Counter()
    payments = 0
    with settings() as current:
        vault = Vault([b"simulated personal data, 32 bytes"], b"simulated index key of 32 bytes..")
        with scratch_engine(current.database_url.get_secret_value(), vault) as engine:
            for number in range(seed, seed + seeds):
                empty(engine)
                day = run_seed(engine, number, steps)
                faults.update(day.faults)
                payments += day.payments
                if day.broken:
                    _tell(day, steps)
                    sys.exit(1)
                if not as_json and seeds > 1:
                    click.echo(
                        f"seed {number}: {day.payments} payments, {sum(day.faults.values())} faults", err=True
                    )
    result = {
        "seeds": f"{seed}-{seed + seeds - 1}",
        "steps": steps * seeds,
        "payments": payments,
        "faults": sum(faults.values()),
        "seconds": round(time.monotonic() - began, 1),
        "digest": day.digest,
    }
    show({**result, "by_fault": dict(faults)} if as_json else {**result, **faults}, as_json=as_json)


def _tell(day: Day, steps: int) -> None:
    for line in day.lines[-DIARY_LINES_SHOWN:]:
        click.echo(f"  {line}", err=True)
    click.echo(f"seed {day.seed}: {day.broken}", err=True)
    click.echo(f"again: bin/kibaba simulate --seed {day.seed} --steps {steps}", err=True)
