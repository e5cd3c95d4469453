"""Probes that look inside: keys in the store, menus before they are served, menus that change, secrets."""

import re

from bench.probes.subject import NotApplicableError, Subject, WrongError, need


def sessions_expire(subject: Subject) -> str:
    """Keys of the session store in the middle of a session."""
    if subject.inside.session_keys is None:
        raise NotApplicableError("the session store cannot be looked at from here")
    subject.call().to_amount()
    keys = subject.inside.session_keys()
    if not keys:
        raise NotApplicableError("nothing is stored")
    endless = sorted(key for key, seconds in keys.items() if seconds < 0)
    if endless:
        raise WrongError(f"{len(endless)} of {len(keys)} keys never expire, such as {endless[0][:60]!r}")
    return f"{len(keys)} keys, each with a time to live"


def bad_screens_are_refused(subject: Subject) -> str:
    """A screen that nothing leads to, and a text of 400 characters, each put into the definition."""
    return _refused(subject, "orphan", "overlong")


def dangling_link_is_refused(subject: Subject) -> str:
    """A link to a screen that does not exist, put into the definition."""
    return _refused(subject, "dangling")


def _refused(subject: Subject, *faults: str) -> str:
    check = subject.inside.definition_faults
    if check is None:
        raise NotApplicableError("there is no definition to check, or it cannot be reached")
    for fault in faults:
        if not check(fault):
            raise WrongError(f"a definition with a fault ({fault}) would be served")
    return "refused before serving"


def menus_change_in_mid_session(subject: Subject) -> str:
    """After the home screen was shown, the menus are deployed again with their options in another order."""
    if subject.inside.redeployed is None:
        raise NotApplicableError("the menus cannot be deployed again from here")
    call = subject.call()
    call.home()
    call.endpoint = subject.inside.redeployed()
    for typed in subject.flow.to_amount:
        seen = call.answer(typed)
    need(subject.flow.is_amount(seen.screen), "the option as it was shown was expected", seen)
    return "the session goes on as it was shown"


def list_changes_before_the_answer(subject: Subject) -> str:
    """Behind a list of amounts that was shown, the amounts change; then the first is chosen."""
    if subject.inside.change_list is None or not subject.flow.to_list:
        raise NotApplicableError("there is no list behind a menu, or it cannot be changed from here")
    call = subject.call()
    call.home()
    for typed in subject.flow.to_list:
        seen = call.answer(typed)
    shown = re.search(r"^1 .*?([0-9,]+)$", seen.screen, re.MULTILINE)
    need(shown is not None, "a list of amounts was expected", seen)
    assert shown is not None
    subject.inside.change_list(call.phone)
    seen = call.answer("1")
    need(call.confirms(seen, int(shown[1].replace(",", ""))), f"KES {shown[1]}, as shown, was expected", seen)
    return "the item as shown is chosen"


def pin_is_nowhere(subject: Subject) -> str:
    """A PIN is typed; then it is searched for in every store and log, and in every reply."""
    flow = subject.flow
    if not flow.pin:
        raise NotApplicableError("the flow asks for no PIN")
    if subject.inside.places_of is None:
        raise NotApplicableError("stores and logs cannot be searched from here")
    call = subject.call()
    call.home()
    for typed in flow.pin_screen:
        call.answer(typed)
    call.answer(flow.pin)
    found = subject.inside.places_of(flow.pin)
    if found:
        raise WrongError(f"the PIN stands in {found[0]}")
    told = [seen for _text, seen in subject.trail if re.search(rf"\b{flow.pin}\b", seen.text)]
    if told:
        raise WrongError(f"the PIN was told: {told[0].text[:80]!r}")
    return "in no store, log or reply"
