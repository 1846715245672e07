"""Pictures as SVG text: the same bytes for the same numbers, coloured by the page's style.

Places are rounded to a tenth of a unit, which no eye and no printer tells apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

Point = tuple[float, float]


@dataclass(frozen=True)
class Scale:
    """A straight map from values to places.

    Args:
        low: Value at `start`.
        high: Value at `stop`; where it equals `low`, everything lies in the middle.
        start: Place of the one end.
        stop: Place of the other.
    """

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """Return the place of a value."""
        if self.high == self.low:
            return (self.start + self.stop) / 2.0
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.stop - self.start)

    def ticks(self, most: int) -> list[float]:
        """Return round values within the range, at most so many and at least one."""
        span = self.high - self.low
        if span <= 0.0:
            return [self.low]
        rough = span / most
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * each for each in (1.0, 2.0, 2.5, 5.0, 10.0) if power * each >= rough)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [step * each for each in range(first, last + 1)] or [self.low]


def place(value: float) -> str:
    """Return a place as text."""
    told = f"{value:.1f}".removesuffix(".0")
    return "0" if told == "-0" else told


def svg(width: float, height: float, words: str, parts: Sequence[str]) -> str:
    """Return a picture with what it shows in words, for those who do not see it."""
    return (
        f'<svg viewBox="0 0 {place(width)} {place(height)}" role="img" '
        f'aria-label="{escape(words)}">{"".join(parts)}</svg>'
    )


def line(points: Sequence[Point], kind: str) -> str:
    """Return a line through points."""
    return f'<path class="{kind}" d="{_through(points)}"/>'


def band(upper: Sequence[Point], lower: Sequence[Point], kind: str) -> str:
    """Return the area between two lines."""
    return f'<path class="{kind}" d="{_through([*upper, *reversed(lower)])}Z"/>'


def segment(start: Point, stop: Point, kind: str) -> str:
    """Return a straight line."""
    return (
        f'<line class="{kind}" x1="{place(start[0])}" y1="{place(start[1])}" '
        f'x2="{place(stop[0])}" y2="{place(stop[1])}"/>'
    )


def box(corner: Point, size: Point, kind: str) -> str:
    """Return a rectangle by its upper left corner."""
    return (
        f'<rect class="{kind}" x="{place(corner[0])}" y="{place(corner[1])}" '
        f'width="{place(max(size[0], 0.6))}" height="{place(size[1])}"/>'
    )


def dot(centre: Point, radius: float, kind: str) -> str:
    """Return a filled circle."""
    return (
        f'<circle class="{kind}" cx="{place(centre[0])}" cy="{place(centre[1])}" '
        f'r="{place(radius)}"/>'
    )


def label(at: Point, text: str, kind: str = "") -> str:
    """Return a text."""
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{place(at[0])}" y="{place(at[1])}">{escape(text, quote=False)}</text>'


def _through(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{place(x)} {place(y)}" for x, y in points)
