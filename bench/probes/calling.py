"""Probes of what callers meet: a slip of the finger, a dropped call, other callers at the same time."""

import threading
from collections.abc import Sequence

from bench.probes.endpoint import Seen
from bench.probes.septets import SCREEN_SEPTETS, septets
from bench.probes.subject import Call, NotApplicableError, Subject, WrongError, need

_CALLERS = 10
_CALLS_EACH = 5
_ESCAPES = ("&#10;", "&#x0a;", "\\n", "<br", "%0a")


def bad_answer(subject: Subject) -> str:
    """A word where an amount is asked for, then the amount."""
    call = subject.call()
    asked = call.to_amount()
    refused = call.answer("abc")
    need(not refused.ends, "a slip ended the session", refused)
    need(refused.text != asked.text, "no reason was given", refused)
    seen = call.answer("200")
    need(call.confirms(seen, 200), "the confirmation of 200 was expected", seen)
    return "says why, keeps the place, goes on"


def redial(subject: Subject) -> str:
    """A call that was dropped after an amount was typed is followed by a new one from the same phone."""
    dropped = subject.call()
    dropped.to_confirmation(200)
    call = subject.call(phone=dropped.phone)
    offered = call.dial()
    need(subject.flow.is_resume(offered.screen), "an offer to continue was expected", offered)
    seen = call.answer(subject.flow.go_on)
    need(call.confirms(seen, 200), "the confirmation of 200, as it was left, was expected", seen)
    return "offers to continue, and nothing is typed twice"


def many_at_once(subject: Subject) -> str:
    """Ten callers at the same time, each with amounts of their own."""
    phones = [subject.member() for _ in range(_CALLERS)]
    calls = [[subject.call(phone) for _ in range(_CALLS_EACH)] for phone in phones]
    wrong: list[str] = []

    def walk(caller: int, own: Sequence[Call]) -> None:
        for number, call in enumerate(own):
            try:
                call.to_confirmation(100 + caller * _CALLS_EACH + number)
            except WrongError as error:
                wrong.append(str(error))

    threads = [threading.Thread(target=walk, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise WrongError(f"{len(wrong)} of {_CALLERS * _CALLS_EACH} calls went wrong; first: {wrong[0]}")
    return f"{_CALLERS * _CALLS_EACH} calls, every reply its asker's own"


def lines_stay_lines(subject: Subject) -> str:
    """A screen of several lines is read as several lines."""
    seen = subject.call().home()
    _lines(seen)
    if subject.inside.xml_reply is None:
        return "line breaks arrive as line breaks"
    _lines(Seen(200, subject.inside.xml_reply(subject.member())))
    return "line breaks arrive as line breaks, in XML too"


def _lines(seen: Seen) -> None:
    need("\n" in seen.screen.strip(), "several lines were expected", seen)
    shown = [escape for escape in _ESCAPES if escape in seen.text.lower()]
    need(not shown, f"{', '.join(shown)} is shown to callers", seen)


def screens_fit(subject: Subject) -> str:
    """Every screen seen so far, and every screen there is where the definition can be looked at."""
    screens = [seen for _text, seen in subject.trail if seen.is_screen]
    if not screens:
        raise NotApplicableError("no screen was seen")
    for seen in screens:
        length = septets(seen.screen)
        need(length is not None, "only the GSM alphabet was expected", seen)
        need(length is not None and length <= SCREEN_SEPTETS, f"{length} septets", seen)
    if subject.inside.definition_faults is None:
        return f"{len(screens)} screens seen here, none over {SCREEN_SEPTETS} septets"
    faults = subject.inside.definition_faults(None)
    if faults:
        raise WrongError(f"the definition has faults: {faults[0]}")
    return f"{len(screens)} screens seen, and the longest of each screen and language, fit"
