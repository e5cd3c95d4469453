"""The day as a picture: a stream from received to acknowledged, and what falls out of it on the way."""

from dataclasses import dataclass

from payments.reconciliation.view import DayTotals, Figure

WIDTH = 1000
HEIGHT = 150
_STREAM_HEIGHT = 104
_NODE_WIDTH = 7
_FALL_WIDTH = 120
# Room between what is stuck and what was given back.
_BETWEEN = 6.0
# A stream or a loss that exists is never too thin to see.
_VISIBLE = 3.0


@dataclass(frozen=True, slots=True)
class Step:
    """One of the four steps: its figure, and what of the step before has not come this far.

    That is stuck, or was given back and goes no further: the figure before is this one and both of them.
    Shapes are SVG paths in a box of WIDTH by HEIGHT; `fall` and `way_back` leave for the step that follows.
    """

    name: str
    figure: Figure
    stuck: Figure
    given_back: Figure
    node: str
    stream: str
    fall: str
    way_back: str


def steps(totals: DayTotals) -> list[Step]:
    """The four steps of a day with their shapes; heights are shares of the money received."""
    names = ("received", "confirmed", "posted", "acknowledged")
    figures = (totals.received, totals.confirmed, totals.posted, totals.acknowledged)
    # Only money that the wallet lists is given back: it leaves between confirmed and posted.
    given_back = (Figure(), Figure(), totals.given_back, Figure())
    before = (totals.received, *figures[:-1])
    stuck = [_less(*each) for each in zip(before, figures, given_back, strict=True)]
    full_cents = max(figure.amount_cents for figure in figures)
    heights = [_height(figure.amount_cents, full_cents) for figure in figures]
    column = WIDTH / len(figures)
    drawn = []
    for place, name in enumerate(names):
        left, here = place * column, heights[place]
        is_last = place == len(names) - 1
        onward = here if is_last else min(here, heights[place + 1])
        leaving = (0, 0) if is_last else (stuck[place + 1].amount_cents, given_back[place + 1].amount_cents)
        fall, way_back = _leaving(left + _NODE_WIDTH, onward, here, *leaving)
        drawn.append(
            Step(
                name=name,
                figure=figures[place],
                stuck=stuck[place],
                given_back=given_back[place],
                node=_box(left, _NODE_WIDTH, here),
                stream=_box(left + _NODE_WIDTH, column - _NODE_WIDTH, onward),
                fall=fall,
                way_back=way_back,
            )
        )
    return drawn


def _less(before: Figure, after: Figure, given_back: Figure) -> Figure:
    count = before.count - after.count - given_back.count
    cents = before.amount_cents - after.amount_cents - given_back.amount_cents
    return Figure(max(0, count), max(0, cents))


def _height(cents: int, full_cents: int) -> float:
    return 0.0 if cents == 0 else max(_VISIBLE, _STREAM_HEIGHT * cents / full_cents)


def _box(left: float, width: float, height: float) -> str:
    return f"M{left:.1f} 0h{width:.1f}v{height:.1f}h{-width:.1f}z" if height else ""


def _leaving(left: float, top: float, bottom: float, stuck: int, given_back: int) -> tuple[str, str]:
    """What leaves the stream between two heights: what is stuck, and under it what was given back."""
    if bottom <= top or not stuck + given_back:
        return "", ""
    middle = top + (bottom - top) * stuck / (stuck + given_back)
    turn = left + _FALL_WIDTH
    fall = _fall(left, top, middle, turn) if stuck else ""
    beside = turn - _across(middle - top) - _BETWEEN if stuck else turn
    return fall, _fall(left, middle, bottom, beside) if given_back else ""


def _across(height: float) -> float:
    """In a wide box a share of the height reads thicker sideways; half of it looks the same."""
    return min(max(_VISIBLE, height) / 2, _FALL_WIDTH / 2)


def _fall(left: float, top: float, bottom: float, turn: float) -> str:
    """What does not go on bends down out of the stream, as thick as its share."""
    inner = turn - _across(bottom - top)
    return (
        f"M{left:.1f} {top:.1f}C{turn:.1f} {top:.1f} {turn:.1f} {top:.1f} {turn:.1f} {HEIGHT}"
        f"H{inner:.1f}C{inner:.1f} {bottom:.1f} {inner:.1f} {bottom:.1f} {left:.1f} {bottom:.1f}z"
    )
