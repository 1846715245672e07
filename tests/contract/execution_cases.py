"""Runs of a few bars that can be followed by hand, by the engine and by the slow twin.

The volume of a bar is what is asked for at its close: `BUY`, `SELL`, `CLOSE` or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from execution_draws import frame
from execution_orders import Bar
from execution_twin import Twin
from market import HOUR_NS, START_NS

import simcore
from simcore.backtests.request import execution_fields

QUIET, BUY, SELL, CLOSE = 1.0, 2.0, 3.0, 4.0
FREE = {"base_bps": 0.0, "k_vol": 0.0, "fee_bps": 0.0}
CASH = 10_000.0
BARS_PER_YEAR = 8_760.0
ENTRY: Bar = Bar(100.0, 100.0, 100.0, 100.0, BUY)
"""A bar at whose close, 100, an entry is decided."""

Price4 = tuple[float, float, float, float]


class Fill(NamedTuple):
    """One trade, as far as these tests look at it."""

    entry_bar: int
    entry: float
    exit_bar: int
    exit: float
    reason: str


def bars_of(rows: Sequence[Price4 | tuple[float, float, float, float, float]]) -> list[Bar]:
    """Hourly bars from open, high, low, close and what is asked for."""
    return [
        Bar(*row[:4], row[4] if len(row) > 4 else QUIET, START_NS + t * HOUR_NS)
        for t, row in enumerate(rows)
    ]


def turned(bars: Sequence[Bar], around: float = 100.0) -> list[Bar]:
    """The same market upside down, so that what was bought is sold."""
    swapped = {BUY: SELL, SELL: BUY}
    return [
        Bar(
            2 * around - bar.open, 2 * around - bar.low, 2 * around - bar.high,
            2 * around - bar.close, swapped.get(bar.volume, bar.volume), bar.ts, -bar.hl_order,
        )
        for bar in bars
    ]  # fmt: skip


def document(
    order: dict[str, Any] | None = None, sell_order: dict[str, Any] | None = None, **risk: Any
) -> dict[str, Any]:
    """Rules that do what the volume says; without more, one unit is traded and nothing protects."""
    buy: dict[str, Any] = {"if": f"volume == {BUY:g}", "then": "buy"}
    sell: dict[str, Any] = {"if": f"volume == {SELL:g}", "then": "sell"}
    if order is not None:
        buy["order"] = order
    if sell_order is not None or order is not None:
        sell["order"] = sell_order or order
    rules = [buy, sell, {"if": f"volume == {CLOSE:g}", "then": "close"}]
    free = {
        "sizing": {"type": "fixed_qty", "qty": 1}, "max_daily_loss_pct": 100,
        "allow_short": True, "max_leverage": 10,
    }  # fmt: skip
    return {
        "version": "0.1.0", "id": "by_hand", "name": "By hand", "timeframe": "1h", "params": {},
        "rules": rules, "risk": {**free, **risk}, "metadata": {},
    }  # fmt: skip


Runner = Callable[..., list[Fill]]


def by_engine(bars: Sequence[Bar], asked: dict[str, Any], **execution: Any) -> list[Fill]:
    """Trades of the engine, at raw prices; without costs, unless some are asked for."""
    made = simcore.backtest(
        asked, frame(list(bars)), execution={"base": "honest_v1", **FREE, **execution},
        initial_cash=CASH,
    )  # fmt: skip
    names = ("entry_bar", "entry_raw_px", "exit_bar", "exit_raw_px", "exit_reason")
    return [Fill(*(str(row[n]) if n == names[-1] else row[n] for n in names))
            for row in made.trades.to_dicts()]  # fmt: skip


def by_twin(bars: Sequence[Bar], asked: dict[str, Any], **execution: Any) -> list[Fill]:
    """The same of the slow twin."""
    fields = execution_fields({"base": "honest_v1", **FREE, **execution})
    outcome = Twin(list(bars), asked, fields, CASH, BARS_PER_YEAR).run()
    return [
        Fill(each.entry_bar, each.entry_raw_px, each.exit_bar, each.exit_raw_px, each.exit_reason)
        for each in outcome.trades
    ]


RUNNERS = {"engine": by_engine, "twin": by_twin}
