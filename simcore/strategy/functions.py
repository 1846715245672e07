"""The functions a rule may call: the engine's indicators and the two crossings.

Which indicators there are, and what each parameter may be, is the engine's to say
(`engine.catalogue`), and so is how far back each of them reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from simcore import engine

Kind = Literal["num", "bool"]

FUTURE: Final = frozenset({"lead", "future", "next", "peek", "request", "security"})
"""Names by which other languages reach bars that are not there yet."""


@dataclass(frozen=True)
class Range:
    """What one number may be.

    Args:
        name: As messages call it.
        unit: In words; empty where there is none.
        minimum: Smallest value.
        maximum: Largest value.
        is_integer: Whether only whole numbers are legal.
        is_min_open: Whether `minimum` itself is refused.
    """

    name: str
    unit: str
    minimum: float
    maximum: float
    is_integer: bool = False
    is_min_open: bool = False

    def __str__(self) -> str:
        """`1 to 5000 bars`."""
        low, high = number_text(self.minimum), number_text(self.maximum)
        least = f"above {low}, at most {high}" if self.is_min_open else f"{low} to {high}"
        return f"{least} {self.unit}".rstrip()

    def fault(self, value: float) -> str | None:
        """Return the reason why `value` is not legal, or None."""
        if self.is_integer and not value.is_integer():
            return "NOT_INTEGER"
        above = value > self.minimum if self.is_min_open else value >= self.minimum
        return None if above and value <= self.maximum else "ARG_DOMAIN"

    def nearest(self, value: float) -> float | None:
        """Return the legal value next to `value`; None where an open end leaves no next one."""
        if self.is_min_open and value <= self.minimum:
            return None
        inside = float(min(max(value, self.minimum), self.maximum))
        return float(round(inside)) if self.is_integer else inside

    def message(self, value: float) -> str:
        """Return `ema.n: got 0, expected 1 to 5000 bars`."""
        whole = "a whole number, " if self.is_integer and not value.is_integer() else ""
        return f"{self.name}: got {number_text(value)}, expected {whole}{self}"


@dataclass(frozen=True)
class Function:
    """One function.

    Args:
        name: In rule text.
        kind: What it gives.
        n_series: How many series come first.
        constants: What follows them, each known before any bar is seen.
        has_default: Whether the series may be left out and is then the close.
        lookback_bars: Bars added to the lookback of its inputs, from its constants.
    """

    name: str
    kind: Kind
    n_series: int
    constants: tuple[Range, ...]
    has_default: bool
    lookback_bars: Callable[..., int]

    @property
    def counts(self) -> tuple[int, ...]:
        """How many arguments a call may have."""
        whole = self.n_series + len(self.constants)
        return (whole - self.n_series, whole) if self.has_default else (whole,)


@cache
def functions() -> Mapping[str, Function]:
    """Return every function by name."""
    crossings = [
        Function(name, "bool", 2, (), False, lambda: 1) for name in ("crossover", "crossunder")
    ]
    indicators = [_indicator(row) for row in engine.catalogue()["indicators"]]
    return {function.name: function for function in (*indicators, *crossings)}


def _indicator(row: Mapping[str, Any]) -> Function:
    name = row["name"]
    constants = tuple(
        Range(
            f"{name}.{param['name']}",
            param["unit"],
            param["min"],
            param["max"],
            param["is_integer"],
            param.get("is_min_open", False),
        )
        for param in row["params"]
    )
    counted = [param["name"] in row["warmup"]["params"] for param in row["params"]]
    plus_bars = int(row["warmup"]["plus_bars"])

    def lookback_bars(*given: float) -> int:
        sizes = zip(given, counted, strict=True)
        return max(0, int(sum(size for size, is_counted in sizes if is_counted)) + plus_bars)

    n_series = row["n_inputs"]
    return Function(name, "num", n_series, constants, n_series == 1, lookback_bars)


def number_text(value: float) -> str:
    """Return the shortest spelling of a number that reads back as the same number."""
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)
