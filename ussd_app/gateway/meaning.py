"""What a post means, given what the session has seen: pure, so that every odd post can be thought through.

With cumulative text a post says itself where it belongs. With the latest input alone it does not, and the
formats that work so have no sequence number: there a post equal to the last one within three seconds of its
reply is taken for the same post again (docs/decisions/0005-gateways.md).
"""

from collections.abc import Callable
from dataclasses import field
from typing import Final

from menus import value
from menus.engine.model import HOME, MORE
from ussd_app.gateway.hop import Hop
from ussd_app.gateway.session_store import Record

SEPARATOR: Final = "*"
# Nobody reads a screen, types and is heard within so short a time; gateways that post twice do.
REPEAT_MILLISECONDS: Final = 3000
# A start that finds its session still at the start is the same call, unless it comes after any call's end.
CALL_MILLISECONDS: Final = 180_000


@value
class Again:
    """The last post once more."""


@value
class Begins:
    """A session begins; `parts` is what stood behind the service code, or all that a lost session typed."""

    parts: tuple[str, ...] = field(default=(), repr=False)


@value
class Answers:
    """New answers, one or more."""

    parts: tuple[str, ...] = field(repr=False)


@value
class Unknown:
    """An answer to a session that nobody remembers, from an aggregator that does not say what came before."""


@value
class Contradicts:
    """Text that does not go on from what was seen: an older post, or nonsense."""


Meaning = Again | Begins | Answers | Unknown | Contradicts
Hash = Callable[[str], str]


def meaning_of(hop: Hop, record: Record | None, hash_of: Hash, now_milliseconds: int) -> Meaning:
    """What to make of `hop`. `hash_of` is the keyed hash under which text is remembered."""
    if hop.input == "latest":
        return _latest(hop, record, hash_of, now_milliseconds)
    return _cumulative(hop, record, hash_of)


def seen_of(hop: Hop) -> str:
    """The text under whose hash the record of this hop is kept."""
    return f"start:{hop.text}" if hop.input == "latest" and hop.starts else hop.text


def is_alias(part: str) -> bool:
    """Whether a part of a dial string can only be an alias: options have one digit and navigation two known
    ones.
    """
    return len(part.strip()) > 1 and part.strip() not in {HOME, MORE}


def _cumulative(hop: Hop, record: Record | None, hash_of: Hash) -> Meaning:
    text = hop.text
    if record is None:
        return Begins(tuple(text.split(SEPARATOR)) if text else ())
    length = record.seen_length
    if length == len(text) and hash_of(text) == record.seen_hash:
        return Again()
    if length == 0 and text:
        return Answers(tuple(text.split(SEPARATOR)))
    if length and text[length : length + 1] == SEPARATOR and hash_of(text[:length]) == record.seen_hash:
        return Answers(tuple(text[length + 1 :].split(SEPARATOR)))
    return Contradicts()


def _latest(hop: Hop, record: Record | None, hash_of: Hash, now_milliseconds: int) -> Meaning:
    if hop.starts:
        at_start = record is not None and _is_at_start(record, now_milliseconds)
        if record is not None and at_start and hash_of(seen_of(hop)) == record.seen_hash:
            return Again()
        return Begins(tuple(hop.text.split(SEPARATOR)) if hop.text else ())
    if record is None:
        return Unknown()
    same = hash_of(seen_of(hop)) == record.seen_hash
    if same and (record.ends or _is_within(REPEAT_MILLISECONDS, record, now_milliseconds)):
        return Again()
    return Answers((hop.text,))


def _is_at_start(record: Record, now_milliseconds: int) -> bool:
    return record.answers == 0 and not record.ends and _is_within(CALL_MILLISECONDS, record, now_milliseconds)


def _is_within(milliseconds: int, record: Record, now_milliseconds: int) -> bool:
    # Hosts' clocks are a little apart, so a reply may seem to lie ahead: it is as near as one behind. One far
    # ahead is of a clock that went back since, and must not make repeats of all answers until it is reached.
    return abs(now_milliseconds - record.at) <= milliseconds
