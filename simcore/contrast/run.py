"""A run as it is compared: what it is, what it decided, what it came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simcore.contrast.divergence import Decision

Floats = NDArray[np.float64]

SIDES: dict[int, str] = {1: "long", -1: "short"}


@dataclass(frozen=True, eq=False)
class Curve:
    """The equity of a run at every close.

    Args:
        ts: Open of each bar, ns UTC, ``(n_bars,)``.
        equity: At each close, ``(n_bars,)``.
        initial: Before the first bar.
        per_year: Bars of a year.
    """

    ts: NDArray[np.int64]
    equity: Floats
    initial: float
    per_year: float

    @property
    def returns(self) -> Floats:
        """Simple returns, the first against what there was at the start, ``(n_bars,)``.

        Once nothing is left they are 0.
        """
        before = np.append(self.initial, self.equity[:-1])
        with np.errstate(divide="ignore", invalid="ignore"):
            growth: Floats = np.where(before > 0.0, self.equity / before - 1.0, 0.0)
        return growth


@dataclass(frozen=True, eq=False)
class Run:
    """One run.

    Args:
        name: As it was asked for.
        kind: What can be compared with it: runs of one kind.
        identity: What tells it from others, by name; JSON values.
        market: What it ran over; runs of equal markets met the same bars.
        levels: By level, the widest first, what was decided in the order of time.
        metrics: Value by name, None where it is not defined.
        flags: What to know about the metrics.
        n_bars: Bars, 0 where there are none.
        curve: Equity at every close; None where it is not kept.
        curve_missing: Why there is no curve; empty if there is one.
    """

    name: str
    kind: Literal["backtest", "chaos"]
    identity: Mapping[str, Any]
    market: str
    levels: Mapping[str, tuple[Decision, ...]]
    metrics: Mapping[str, float | None]
    flags: tuple[str, ...] = ()
    n_bars: int = 0
    curve: Curve | None = None
    curve_missing: str = field(default="")


@dataclass(frozen=True)
class Open:
    """A position that a run still has at its end, of which no trade tells.

    Args:
        bar: Where it was entered.
        side: 1 long, -1 short.
        qty: How much is left of it.
    """

    bar: int
    side: int
    qty: float


def left_open(position: Floats) -> Open | None:
    """Return the position that is there at the last close; None for none.

    Args:
        position: At every close, base currency, ``(n_bars,)``.
    """
    if not position.size or position[-1] == 0.0:
        return None
    sign = int(np.sign(position[-1]))
    others = np.flatnonzero(np.sign(position) != sign)
    bar = int(others[-1]) + 1 if others.size else 0
    return Open(bar, sign, abs(float(position[-1])))


def decisions(
    trades: pl.DataFrame, ts: NDArray[np.int64], still: Open | None = None
) -> dict[str, tuple[Decision, ...]]:
    """Return what the trades of a run say that it decided.

    Args:
        trades: Rows of the table `trades` of one run, from `id` on.
        ts: Open of each bar, ns UTC.
        still: The position that is open at the end.

    Returns:
        By level: ``decision``, when which side was entered and left; ``fill``, the same with
        size, price and reason. Of several trades that were entered at once, the entry is one.
    """
    made: list[tuple[tuple[int, int], Decision, Decision]] = []
    entries: dict[tuple[int, int], dict[str, Any]] = {}
    for row in trades.sort("id").iter_rows(named=True):
        key = (row["entry_bar"], row["side"])
        entry = entries.setdefault(
            key,
            {
                "order": (row["entry_bar"], 2 * row["id"]),
                "told": {
                    "action": "enter",
                    "side": SIDES[row["side"]],
                    "qty": 0.0,
                    "px": row["entry_px"],
                    "reason": row["entry_tag"],
                },
            },
        )
        entry["told"]["qty"] += row["qty"]
        told = {
            "action": "exit",
            "side": SIDES[row["side"]],
            "qty": row["qty"],
            "px": row["exit_px"],
            "reason": row["exit_reason"],
        }
        made.append(((row["exit_bar"], 2 * row["id"] + 1), *_both(row["exit_bar"], told, ts)))
    if still is not None:
        told = {"action": "enter", "side": SIDES[still.side], "qty": 0.0, "px": None,
                "reason": "still open at the end"}  # fmt: skip
        unknown = {"order": (still.bar, 2 * trades.height), "told": told}
        entries.setdefault((still.bar, still.side), unknown)["told"]["qty"] += still.qty
    for (bar, _), entry in entries.items():
        made.append((entry["order"], *_both(bar, entry["told"], ts)))
    made.sort(key=lambda each: each[0])
    return {
        "decision": tuple(each[1] for each in made),
        "fill": tuple(each[2] for each in made),
    }


def _both(bar: int, told: dict[str, Any], ts: NDArray[np.int64]) -> tuple[Decision, Decision]:
    moment = int(ts[min(bar, len(ts) - 1)])
    decided = (bar, told["action"], told["side"])
    # An entry's reason is the author's own word for a rule; an exit's says what closed it.
    reason = told["reason"] if told["action"] == "exit" else ""
    filled = (*decided, told["qty"], told["px"], reason)
    return Decision(moment, bar, decided, told), Decision(moment, bar, filled, told)
