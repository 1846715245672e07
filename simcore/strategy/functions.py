"""The functions a rule may call: indicators, crossings, shifts and functions of one bar.

Which indicators there are, what each parameter may be, how far back it reads and where its values
lie is the engine's to say (`engine.catalogue`), and so is what a function of constants is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any, Final, Literal

import numpy as np

from simcore import engine

Kind = Literal["num", "bool", "outputs"]

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


SHIFT_MAX_BARS: Final = 5000
"""Longest way back of one shift, as everywhere in the language."""

SHIFT_BARS: Final = Range("x[k]", "bars", 0, SHIFT_MAX_BARS, is_integer=True)


@dataclass(frozen=True)
class Function:
    """One function.

    Args:
        name: In rule text.
        form: How it is lowered: an indicator, a crossing, a shift, or arithmetic of its own name.
        kind: What it gives; ``outputs`` is several, of which one is picked by ``.name``.
        inputs: What series come first.
        constants: What follows them, each known before any bar is seen.
        outputs: Names to pick from; empty where there is one output.
        has_default: Whether the series may be left out and is then the close.
        lookback_bars: Bars added to the lookback of its inputs, from its constants.
    """

    name: str
    form: Literal["ind", "cross", "shift", "plain"]
    kind: Kind
    inputs: tuple[Kind, ...]
    constants: tuple[Range, ...]
    outputs: tuple[str, ...]
    has_default: bool
    lookback_bars: Callable[..., int]

    @cached_property
    def n_series(self) -> int:
        """How many series come first."""
        return len(self.inputs)

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """How many arguments a call may have."""
        whole = self.n_series + len(self.constants)
        return (whole - self.n_series, whole) if self.has_default else (whole,)

    @property
    def signature(self) -> str:
        """A call, such as `bbands(x, n, k)`."""
        series = "x" if self.n_series == 1 else "ab"
        pairs = zip(self.inputs, series[: self.n_series], strict=True)
        given = ["condition" if kind == "bool" else x for kind, x in pairs]
        names = ["k" if row is SHIFT_BARS else row.name.split(".")[1] for row in self.constants]
        return f"{self.name}({', '.join([*given, *names])})"


@cache
def functions() -> Mapping[str, Function]:
    """Return every function by name."""
    shift = Function("shift", "shift", "num", ("num",), (SHIFT_BARS,), (), True, int)
    rows = [
        *(_indicator(row) for row in engine.catalogue()["indicators"]),
        *(_plain(name, "cross", "bool", 2) for name in ("crossover", "crossunder")),
        *(_plain(name, "plain", "num", 1) for name in ("abs", "sqrt", "log", "exp")),
        *(_plain(name, "plain", "num", 2) for name in ("min", "max")),
        shift,
    ]
    return {function.name: function for function in rows}


def _plain(name: str, form: Literal["cross", "plain"], kind: Kind, n_series: int) -> Function:
    number: Kind = "num"
    return Function(name, form, kind, (number,) * n_series, (), (), False, lambda: form == "cross")


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
    places = {param["name"]: place for place, param in enumerate(row["params"])}
    groups = [[places[each] for each in group] for group in row["warmup"]["params"]]
    plus_bars = int(row["warmup"]["plus_bars"])

    def lookback_bars(*given: float) -> int:
        sizes = (max(given[place] for place in group) for group in groups)
        return max(0, int(sum(sizes)) + plus_bars)

    inputs: tuple[Kind, ...] = tuple(row["inputs"])
    outputs = tuple(output["name"] for output in row["outputs"] if output["name"])
    kind: Kind = "outputs" if outputs else "num"
    has_default = inputs == ("num",)
    return Function(name, "ind", kind, inputs, constants, outputs, has_default, lookback_bars)


@cache
def bounds() -> Mapping[tuple[str, ...], Mapping[str, Any]]:
    """Return where values lie whatever the market does, as the engine says it.

    By operation and attributes of a node: ``low`` and ``high``, None where there is no bound, and
    whether it `is_within_input`.
    """
    found: dict[tuple[str, ...], Mapping[str, Any]] = {}
    for row in engine.catalogue()["indicators"]:
        for output in row["outputs"]:
            named = (output["name"],) if output["name"] else ()
            found["ind", row["name"], *named] = output
    for table in ("series", "account"):
        found |= {(table, row["name"]): row for row in engine.catalogue()[table]}
    return found


@lru_cache(maxsize=4096)
def folded(op: str, *given: float) -> float:
    """Return an operation on constants, NaN where it has no value.

    What is exact is the same everywhere; the rest the engine computes, for Python's own logarithm
    differs from machine to machine.
    """
    if op in _EXACT:
        return _EXACT[op](*given)
    (value,) = given
    code = f'{{"op":"const","value":{value!r},"w":0}},{{"op":"{op}","w":0,"a":0}}'
    return float(engine.indicator(_FOLDING % code, _one_bar())[0])


# Not by a writer of JSON: a hostile document has hundreds of these to compute.
_FOLDING: Final = (
    '{"schema":"program/0.1","timeframe":"1h","code":[%s],"rules":[],'
    '"risk":{"sizing":{"type":"fixed_qty","qty":1}},"output":1}'
)
_EXACT: Final[Mapping[str, Callable[..., float]]] = {
    "abs": abs,
    "sqrt": lambda value: math.sqrt(value) if value >= 0.0 else math.nan,
    "min": min,
    "max": max,
}


@cache
def _one_bar() -> engine.Columns:
    prices = {name: np.ones(1) for name in ("open", "high", "low", "close", "volume")}
    return prices | {"ts": np.zeros(1, np.int64), "hl_order": np.zeros(1, np.int8)}


def number_text(value: float) -> str:
    """Return the shortest spelling of a number that reads back as the same number."""
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)
