"""The first hop: opening decision, deep links by alias, and the offer to continue a dropped session."""

from __future__ import annotations

from dataclasses import replace

from menus.engine.graph import LANGUAGE_ANSWER, Graph, Kind, Link
from menus.engine.model import Opening, Session
from menus.engine.navigation import Walk, adopt, place_of, without_secrets
from menus.engine.vocabulary import Accepted, InputRule


def opened(walk: Walk, opening: Opening) -> None:
    """Land on the first screen of a session."""
    graph = walk.graph
    origin, target = walk.decide(graph.screens[graph.start])
    walk.origin = origin
    _speak_their_language(walk)
    link = tuple([part.strip() for part in opening.link if part.strip()])
    if link:
        _follow(walk, link, target)
        return
    suspended = _worth_continuing(graph, opening.suspended, origin)
    if suspended is None:
        walk.go(target)
        return
    walk.language = suspended.language
    walk.suspended = suspended.to_json()
    walk.go(graph.resume)


def _speak_their_language(walk: Walk) -> None:
    value = walk.graph.language_value
    if value is not None:
        walk.require(value.needs)
        language = value.make(walk.view())
        if language in walk.graph.languages:
            walk.language = language


def _worth_continuing(graph: Graph, suspended: Session | None, origin: str) -> Session | None:
    """The dropped session without its secrets, if it holds answers worth not typing twice and the caller
    still is to us what they were then.
    """
    if suspended is not None and suspended.suspended:
        # It was dropped while the offer stood: what was offered still is to be continued.
        suspended = Session.from_json(suspended.suspended)
    if suspended is None or suspended.ended or suspended.origin != origin:
        return None
    adopted = _before_help(graph, adopt(graph, suspended))
    if adopted is None or graph.screens[adopted.screen].kind is Kind.NOTICE:
        return None
    kept = without_secrets(graph, adopted)
    if not kept.answers.keys() - {LANGUAGE_ANSWER} or kept.screen == graph.resume:
        return None
    return kept


def _before_help(graph: Graph, session: Session | None) -> Session | None:
    """The session as it was before help was offered, if it was dropped there: what was typed is not lost."""
    if session is None or session.screen != graph.stuck:
        return session
    if not session.trail:
        return None
    screen, page = place_of(session.trail[-1])
    return replace(session, screen=screen, page=page, trail=session.trail[:-1], shown=())


def _follow(walk: Walk, parts: tuple[str, ...], otherwise: str) -> None:
    """Land where the alias leads; say so when there is no such alias."""
    reason = "say.link_unknown"
    for link in walk.graph.links:
        matched, refusal = _matches(walk, link, parts)
        if not matched:
            reason = f"reason.{refusal}" if refusal else reason
            continue
        if walk.origin in link.origins:
            walk.keep(link.answer, matched[-1])
            walk.go(link.to)
            return
        reason = "say.link_first"
        break
    walk.go(otherwise)
    if not walk.spec.ends:
        walk.remark = reason


def _matches(walk: Walk, link: Link, parts: tuple[str, ...]) -> tuple[list[str], str]:
    """The parts as read when all of them match, otherwise why a rule refused one ("" if none did)."""
    read: list[str] = []
    if len(parts) != len(link.path):
        return [], ""
    for part, expected in zip(parts, link.path, strict=True):
        if isinstance(expected, InputRule):
            walk.require(expected.needs)
            outcome = expected.read(part, walk.view())
            if not isinstance(outcome, Accepted):
                return [], outcome.reason
            read.append(outcome.value)
        elif part != expected:
            return [], ""
        else:
            read.append(part)
    return read, ""
