"""Reads the funnel for staff: counts of screens over days, in the order in which callers meet them."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select

from core.database import Sessions
from dashboard.funnel import ScreenCount
from menus import Graph
from menus.engine.graph import Screen
from menus.engine.template import GLUE
from ussd_app.gateway.tables import MenuFunnel

_SAYS_CHARACTERS_MAX: Final = 70


class FunnelReading:
    """Answers the dashboard's `Funnel`. `graph` gives the order and the words of today's screens."""

    def __init__(self, sessions: Sessions, graph: Graph) -> None:
        self._sessions = sessions
        self._graph = graph
        self._order = {name: position for position, name in enumerate(walked(graph))}

    def screens(
        self, first: date, last: date, *, language: str = "", network: str = ""
    ) -> Sequence[ScreenCount]:
        chosen: list[ColumnElement[bool]] = [MenuFunnel.day.between(first, last)]
        if language:
            chosen.append(MenuFunnel.language == language)
        if network:
            chosen.append(MenuFunnel.network == network)
        columns = ("entered", "answered", "left", "invalid", "abandoned", "ended", "timed", "milliseconds")
        sums = [func.sum(getattr(MenuFunnel, name)).label(name) for name in columns]
        with self._sessions.begin() as database:
            rows = database.execute(
                select(MenuFunnel.screen, *sums).where(*chosen).group_by(MenuFunnel.screen)
            ).all()
        found = [self._count(row) for row in rows]
        return sorted(
            found, key=lambda count: (self._order.get(count.screen, len(self._order)), count.screen)
        )

    def choices(self, first: date, last: date) -> tuple[Sequence[str], Sequence[str]]:
        within = MenuFunnel.day.between(first, last)
        with self._sessions.begin() as database:
            languages, networks = (
                database.scalars(select(column).where(within, column != "").distinct().order_by(column)).all()
                for column in (MenuFunnel.language, MenuFunnel.network)
            )
        return languages, networks

    def _count(self, row: Any) -> ScreenCount:
        screen = self._graph.screens.get(row.screen)
        return ScreenCount(
            screen=row.screen,
            says=self._says(row.screen),
            entered=int(row.entered),
            answered=int(row.answered),
            left=int(row.left),
            invalid=int(row.invalid),
            abandoned=int(row.abandoned),
            ended=int(row.ended),
            seconds=float(row.milliseconds) / 1000 / int(row.timed) if row.timed else None,
            asks_nothing=screen is not None and screen.asks_nothing,
        )

    def _says(self, screen: str) -> str:
        """How the screen begins, with dots where values stand; "" for a screen of older menus."""
        words = self._graph.languages[self._graph.default_language].screens.get(screen)
        if words is None:
            return ""
        said = "".join(piece if isinstance(piece, str) else "…" for piece in words.head.pieces)
        line = said.replace(GLUE, " ").split("\n")[0].strip()
        return line if len(line) <= _SAYS_CHARACTERS_MAX else f"{line[: _SAYS_CHARACTERS_MAX - 1].rstrip()}…"


def walked(graph: Graph) -> Iterator[str]:
    """Every screen, nearest to the first dial first, in the order of options."""
    waiting, seen = [graph.start, graph.resume, graph.stuck, graph.over], set[str]()
    while waiting:
        name = waiting.pop(0)
        if name in seen or name not in graph.screens:
            continue
        seen.add(name)
        yield name
        waiting.extend(_ways(graph.screens[name]))


def _ways(screen: Screen) -> list[str]:
    ways = [option.to for option in screen.options] + [branch.to for branch in screen.branches.values()]
    return [screen.to, *ways, screen.mismatch, screen.locked] if screen.to else [*ways, screen.locked]
