"""All probes in order, and what one of them finds on a subject."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bench.probes import calling, looking, posting
from bench.probes.subject import NotApplicableError, Subject, WrongError

Probe = Callable[[Subject], str]

# The last looks at every screen that the others have seen.
PROBES: Final[dict[str, Probe]] = {
    "P1": posting.same_post_twice,
    "P2": posting.deep_link,
    "P3": posting.final_post_twice,
    "P4": calling.bad_answer,
    "P5": calling.redial,
    "P6": calling.many_at_once,
    "P7": looking.sessions_expire,
    "P8": looking.bad_screens_are_refused,
    "P9": looking.dangling_link_is_refused,
    "P10": calling.lines_stay_lines,
    "P11": posting.text_that_contradicts,
    "P12": posting.two_starts,
    "P13": posting.reused_session_id,
    "P14": looking.menus_change_in_mid_session,
    "P15": looking.list_changes_before_the_answer,
    "P16": posting.reply_lost,
    "P17": looking.pin_is_nowhere,
    "P18": calling.screens_fit,
}
_SEEN_CHARACTERS_MAX: Final = 300


class Verdict(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one probe found. `posted` are the texts in order, `seen` the last answer, `why` the reason."""

    name: str
    question: str
    verdict: Verdict
    posted: Sequence[str]
    seen: str
    why: str


def findings(subject: Subject, names: Sequence[str] = tuple(PROBES)) -> Iterator[Finding]:
    """Put the probes of these names to a subject, one after the other."""
    for name in names:
        yield finding(subject, name)


def finding(subject: Subject, name: str) -> Finding:
    """Put one probe to a subject."""
    probe = PROBES[name]
    before = len(subject.trail)
    try:
        verdict, why = Verdict.RIGHT, probe(subject)
    except WrongError as error:
        verdict, why = Verdict.WRONG, str(error)
    except NotApplicableError as error:
        verdict, why = Verdict.NOT_APPLICABLE, str(error)
    trail = subject.trail[before:]
    question = (probe.__doc__ or "").strip().split("\n", 1)[0]
    seen = trail[-1][1].text[:_SEEN_CHARACTERS_MAX] if trail else ""
    return Finding(name, question, verdict, [text for text, _seen in trail], seen, why)
