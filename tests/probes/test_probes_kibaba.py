"""Every behaviour probe is right on Kibaba, with its inside open to be looked at."""

import pytest

from bench.probes.subject import Subject
from bench.probes.suite import PROBES, Verdict, finding


@pytest.mark.parametrize("name", [name for name in PROBES if name != "P18"])
def test_kibaba_does_what_is_right(subject: Subject, name: str) -> None:
    found = finding(subject, name)
    assert found.verdict is Verdict.RIGHT, f"{found.question}\n{found.posted}\n{found.seen}\n{found.why}"


def test_every_screen_that_the_probes_see_fits(subject: Subject) -> None:
    for name in ("P1", "P3", "P4", "P5", "P17"):
        finding(subject, name)
    found = finding(subject, "P18")
    assert found.verdict is Verdict.RIGHT, found.why
