"""Markets with an edge that was put there, or none, and the strategy that looks for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from market import HOUR_NS, START_NS

SPIKE = 1_000.0
CALM = 100.0


def planted_market(
    seed: int,
    n_bars: int,
    moves: tuple[float, ...],
    *,
    every: int = 20,
    sigma: float = 0.005,
    volume: float = 1.0,
) -> pl.DataFrame:
    """Bars whose close rises by `moves` on the bars after each spike of the volume."""
    generator = np.random.default_rng(seed)
    returns = generator.normal(0.0, sigma, n_bars)
    spikes = np.flatnonzero(generator.random(n_bars) < 1.0 / every)
    for spike in spikes:
        for later, move in enumerate(moves, 1):
            if spike + later < n_bars:
                returns[spike + later] += move
    close = 100.0 * np.exp(np.cumsum(returns))
    open_ = np.concatenate([[100.0], close[:-1]])
    volumes = np.full(n_bars, CALM)
    volumes[spikes] = SPIKE
    return pl.DataFrame(
        {
            "ts": START_NS + HOUR_NS * np.arange(n_bars),
            "open": open_,
            "high": np.maximum(open_, close) * 1.0001,
            "low": np.minimum(open_, close) * 0.9999,
            "close": close,
            "volume": volume * volumes,
        }
    )


def spike_buyer(held_bars: int, *, volume: float = 1.0, **risk: Any) -> dict[str, Any]:
    """Buys on a spike of the volume and sells so many bars later."""
    return {
        "version": "0.1.0",
        "id": "spike_buyer",
        "name": "Buys on a spike of the volume",
        "timeframe": "1h",
        "params": {"least": {"value": 500.0 * volume, "min": 1.0, "max": 1e12}},
        "rules": [{"if": "volume > least", "then": "buy"}],
        "risk": {
            "sizing": {"type": "pct_equity", "value": 90},
            "stop": {"type": "pct", "value": 90},
            "max_holding_bars": held_bars,
            **risk,
        },
        "metadata": {},
    }
