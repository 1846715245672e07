"""The cases that need no bars: metrics of a year of returns."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

YEAR_BARS = 525_600
SEVEN = (
    "total_return", "cagr", "ann_vol", "sharpe", "sortino", "max_drawdown", "calmar"
)  # fmt: skip


def best_seconds(call: Callable[[], object], repeats: int) -> float:
    """Return the shortest time of a call, after one that warms everything up."""
    call()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return min(times)


def returns_of(n_bars: int) -> NDArray[np.float64]:
    """Return simple returns of about ten basis points a bar, made by the engine."""
    from simcore import engine

    return 1e-3 * engine.normals(1, "evolution", 0, n_bars)


def ours_metrics(only: tuple[str, ...] | None) -> dict[str, float]:
    """Measure some metrics of a year of returns through the SDK, or all there are.

    All of them need to know when each bar opened, and what they are set beside.
    """
    import simcore

    returns = returns_of(YEAR_BARS)
    beside = {"ts": np.arange(YEAR_BARS) * 60_000_000_000, "benchmark": returns[::-1].copy()}
    known = beside if only is None else {}

    def call() -> object:
        return simcore.metrics(returns, bars_per_year=YEAR_BARS, only=only, **known)

    return {"seconds": best_seconds(call, 7)}


def empyrical_metrics() -> dict[str, float]:
    """Measure empyrical over the same returns."""
    from tests.bench import peers

    returns = returns_of(YEAR_BARS)
    return {"seconds": best_seconds(lambda: peers.empyrical_metrics(returns, YEAR_BARS), 5)}


def quantstats_metrics() -> dict[str, float]:
    """Measure quantstats over the same returns."""
    import pandas as pd

    from tests.bench import peers

    times = pd.date_range("2000-01-03", periods=YEAR_BARS, freq="min")
    returns = pd.Series(returns_of(YEAR_BARS), index=times)
    return {"seconds": best_seconds(lambda: peers.quantstats_metrics(returns, YEAR_BARS), 3)}
