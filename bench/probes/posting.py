"""Probes of how posts arrive: twice, lost, out of order, in one piece, from the wrong phone."""

from bench.probes.subject import Subject, need


def same_post_twice(subject: Subject) -> str:
    """Every post of the way to the amount is sent twice, then the amount."""
    call = subject.call()
    call.home()
    for typed in subject.flow.to_amount:
        first = call.answer(typed)
        need(call.again().text == first.text, "the same post got another screen", first)
    need(subject.flow.is_amount(first.screen), "the amount screen was expected", first)
    seen = call.answer("200")
    need(call.confirms(seen, 200), "the confirmation of 200 was expected", seen)
    return "the same screen each time, then the confirmation"


def deep_link(subject: Subject) -> str:
    """The first post already holds an amount."""
    seen = subject.call().dial(subject.flow.link)
    need(not subject.flow.is_done(seen.screen), "the link went past the confirmation", seen)
    right = not seen.ends and subject.flow.is_confirmation(seen.screen, subject.flow.linked)
    need(right, "the confirmation was expected", seen)
    return "lands on the confirmation"


def final_post_twice(subject: Subject) -> str:
    """The last post of a finished saving is sent again, twice."""
    call = subject.call()
    before = _savings(subject)
    call.to_confirmation()
    last = call.answer(subject.flow.yes)
    need(subject.flow.is_done(last.screen) and last.ends, "the end was expected", last)
    for _ in range(2):
        seen = call.again()
        need(seen.text == last.text, "the same final post got another screen", seen)
    return "the same words" + _only_one(subject, before)


def text_that_contradicts(subject: Subject) -> str:
    """Behind a confirmation of 200 comes a text that says 300 and yes, as if that had been shown."""
    call = subject.call()
    before = _savings(subject)
    call.to_confirmation(200)
    seen = call.post("*".join([*subject.flow.to_amount, "300", subject.flow.yes]))
    need(not subject.flow.is_done(seen.screen), "something was done that nobody confirmed", seen)
    need(_savings(subject) == before, "a saving was set off", seen)
    return "nothing was done"


def two_starts(subject: Subject) -> str:
    """The session starts twice."""
    call = subject.call()
    first = call.dial()
    keys = _session_keys(subject)
    second = call.again()
    need(first.text == second.text, "the second start got another screen", second)
    need(_session_keys(subject) == keys, "the second start made another session", second)
    seen = call.answer(subject.flow.to_amount[0])
    need(seen.text != first.text, "the session did not go on", seen)
    return "one session, which goes on"


def reused_session_id(subject: Subject) -> str:
    """In the middle of one caller's session another phone posts the same session id."""
    call = subject.call()
    call.to_confirmation(200)
    other = subject.member()
    seen = call.post(f"{call.text}*{subject.flow.yes}", phone=other)
    need(not subject.flow.is_done(seen.screen), "the second phone answered what the first was asked", seen)
    return "the second phone begins on its own"


def reply_lost(subject: Subject) -> str:
    """The session is written, the reply is lost, and the gateway posts again."""
    call = subject.call()
    before = _savings(subject)
    call.to_confirmation()
    last = f"{call.text}*{subject.flow.yes}"
    how = "the reply lost on its way"
    if subject.inside.crashing is not None:
        how = "a crash between the write and the reply"
        with subject.inside.crashing():
            subject.endpoint.post(call.session_id, call.phone, last)
        seen = call.post(last)
        need(subject.flow.is_done(seen.screen), "the stored reply was expected", seen)
    else:
        lost = call.post(last)
        seen = call.post(last)
        need(
            subject.flow.is_done(lost.screen) and seen.text == lost.text, "the lost reply was expected", seen
        )
    return how + _only_one(subject, before)


def _savings(subject: Subject) -> int:
    return -1 if subject.inside.savings is None else subject.inside.savings()


def _only_one(subject: Subject, before: int) -> str:
    if subject.inside.savings is None:
        return "; effects cannot be counted from here"
    after = subject.inside.savings()
    need(after == before + 1, f"{after - before} savings were set off", subject.trail[-1][1])
    return ", one effect"


def _session_keys(subject: Subject) -> int:
    return -1 if subject.inside.session_keys is None else len(subject.inside.session_keys())
