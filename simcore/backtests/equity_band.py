"""Where else the returns of a run could have led: a band of resampled equity, for a picture.

Numbers that are judged come from Monte Carlo with its errors; this is their shape over time.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simcore import engine
from simcore.seeds import derive

N_PATHS: Final = 400
LOW, HIGH = 0.05, 0.95
POINTS_MAX: Final = 400
PURPOSE: Final = "bootstrap"


def block_bars(n_returns: int) -> int:
    """Return the length of the blocks that a series is cut into.

    Source:
        The rate is that of Hall, Horowitz and Jing (1995), "On blocking rules for the bootstrap
        with dependent data", Biometrika 82(3), for a variance.
    """
    return max(1, round(math.cbrt(n_returns)))


def equity_band(
    returns: NDArray[np.float64], *, seed: int = 0, n_paths: int = N_PATHS
) -> pl.DataFrame:
    """Return the 5 % and 95 % of resampled equity, as multiples of the first.

    Blocks of returns are drawn with replacement, around the end of the series.

    Args:
        returns: Simple returns per bar, ``(n_returns,)``, each above -1.
        seed: Root of the draws.
        n_paths: How many series are drawn.

    Returns:
        ``t`` (returns so far, at most some hundred of them), ``low`` and ``high``; without
        returns, no rows.

    Source:
        Politis and Romano (1992), "A circular block-resampling procedure for stationary data".
    """
    n = returns.size
    if n == 0:
        return pl.DataFrame(schema={"t": pl.UInt32, "low": pl.Float64, "high": pl.Float64})
    length = block_bars(n)
    n_blocks = -(-n // length)
    root = derive(seed, "equity_band")
    starts = np.stack([engine.uniforms(root, PURPOSE, lane, n_blocks) for lane in range(n_paths)])
    growth = np.concatenate([[0.0], np.cumsum(np.log1p(np.concatenate([returns, returns])))])
    first = np.minimum((starts * n).astype(np.int64), n - 1)
    # What a block adds up to is a difference of two sums, so that no path is laid out bar by bar.
    whole = np.cumsum(growth[first + length] - growth[first], axis=1)
    before = np.concatenate([np.zeros((n_paths, 1)), whole], axis=1)
    t = np.unique(np.linspace(1, n, min(n, POINTS_MAX)).astype(np.int64))
    block, rest = (t - 1) // length, (t - 1) % length + 1
    inside = growth[first[:, block] + rest] - growth[first[:, block]]
    low, high = np.quantile(np.exp(before[:, block] + inside), (LOW, HIGH), axis=0)
    return pl.DataFrame({"t": t.astype(np.uint32), "low": low, "high": high})
