"""Small random markets for tests: made by NumPy, so that the engine is not its own witness."""

from __future__ import annotations

import numpy as np
import polars as pl

HOUR_NS = 3_600_000_000_000
START_NS = 1_577_836_800_000_000_000  # 2020-01-01


def market(seed: int, n_bars: int, *, sigma: float = 0.01, price: float = 100.0) -> pl.DataFrame:
    """Hourly bars of a random walk whose opens gap a little from the close before."""
    generator = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(generator.normal(0.0, sigma, n_bars)))
    previous = np.concatenate([[price], close[:-1]])
    open_ = previous * np.exp(generator.normal(0.0, sigma / 4.0, n_bars))
    top, bottom = np.maximum(open_, close), np.minimum(open_, close)
    return pl.DataFrame(
        {
            "ts": START_NS + HOUR_NS * np.arange(n_bars),
            "open": open_,
            "high": top * (1.0 + np.abs(generator.normal(0.0, sigma / 2.0, n_bars))),
            "low": bottom * (1.0 - np.abs(generator.normal(0.0, sigma / 2.0, n_bars))),
            "close": close,
            "volume": generator.uniform(10.0, 1_000.0, n_bars),
        }
    )


def flat_market(n_bars: int, price: float = 100.0) -> pl.DataFrame:
    """Hourly bars of a market that never moves."""
    constant = np.full(n_bars, price)
    return pl.DataFrame(
        {
            "ts": START_NS + HOUR_NS * np.arange(n_bars),
            "open": constant,
            "high": constant,
            "low": constant,
            "close": constant,
            "volume": np.ones(n_bars),
        }
    )
