"""The day as a picture: a stream from received to acknowledged, and what falls out of it on the way."""

from dataclasses import dataclass

from payments.reconciliation.view import DayTotals, Figure

WIDTH = 1000
HEIGHT = 150
_STREAM_HEIGHT = 104
_NODE_WIDTH = 7
_FALL_WIDTH = 120
# A stream or a loss that exists is never too thin to see.
_VISIBLE = 3.0


@dataclass(frozen=True, slots=True)
class Step:
    """One of the four steps: its figure, and the part of the step before that has not come this far.

    Shapes are SVG paths in a box of WIDTH by HEIGHT.
    """

    name: str
    figure: Figure
    stuck: Figure
    node: str
    stream: str
    fall: str


def steps(totals: DayTotals) -> list[Step]:
    """The four steps of a day with their shapes; heights are shares of the money received."""
    figures = {
        "received": totals.received,
        "confirmed": totals.confirmed,
        "posted": totals.posted,
        "acknowledged": totals.acknowledged,
    }
    full_cents = max(figure.amount_cents for figure in figures.values())
    heights = [_height(figure.amount_cents, full_cents) for figure in figures.values()]
    column = WIDTH / len(figures)
    drawn = []
    before = totals.received
    for place, (name, figure) in enumerate(figures.items()):
        left = place * column
        stuck = Figure(max(0, before.count - figure.count), max(0, before.amount_cents - figure.amount_cents))
        is_last = place == len(figures) - 1
        here = heights[place]
        onward = here if is_last else min(here, heights[place + 1])
        drawn.append(
            Step(
                name=name,
                figure=figure,
                stuck=stuck,
                node=_box(left, _NODE_WIDTH, here),
                stream=_box(left + _NODE_WIDTH, column - _NODE_WIDTH, onward),
                fall="" if is_last or onward >= here else _fall(left + _NODE_WIDTH, onward, here),
            )
        )
        before = figure
    return drawn


def _height(cents: int, full_cents: int) -> float:
    return 0.0 if cents == 0 else max(_VISIBLE, _STREAM_HEIGHT * cents / full_cents)


def _box(left: float, width: float, height: float) -> str:
    return f"M{left:.1f} 0h{width:.1f}v{height:.1f}h{-width:.1f}z" if height else ""


def _fall(left: float, top: float, bottom: float) -> str:
    """What does not go on bends down out of the stream, as thick as its share."""
    thick = max(_VISIBLE, bottom - top)
    turn = left + _FALL_WIDTH
    # In a wide box a share of the height reads thicker sideways; half of it looks the same.
    inner = turn - min(thick / 2, _FALL_WIDTH / 2)
    return (
        f"M{left:.1f} {top:.1f}C{turn:.1f} {top:.1f} {turn:.1f} {top:.1f} {turn:.1f} {HEIGHT}"
        f"H{inner:.1f}C{inner:.1f} {bottom:.1f} {inner:.1f} {bottom:.1f} {left:.1f} {bottom:.1f}z"
    )
