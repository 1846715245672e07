"""Series of returns: their metrics, and the same returns drawn again in blocks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simcore import _engine
from simcore.engine.boundary import check_threads, refusals


def metrics(
    returns: NDArray[np.float64],
    *,
    bars_per_year: float,
    mar: float,
    rf: float,
    benchmark: NDArray[np.float64] | None = None,
    ts: NDArray[np.int64] | None = None,
    only: Sequence[str] | None = None,
) -> tuple[dict[str, float], int]:
    """Return the metrics that need no run, and the bits of their flags.

    Args:
        returns: Simple returns per bar, ``(n_bars,)``.
        bars_per_year: Annualises the ratios.
        mar: Least acceptable return, per bar.
        rf: Riskless rate, per bar.
        benchmark: Returns of the benchmark over the same bars, ``(n_bars,)``.
        ts: When each bar opened, ns UTC, rising, ``(n_bars,)``.
        only: Names of the metrics that are wanted; None wants all.

    Returns:
        Values by name, NaN for null; and one bit for each of ``metric_flags`` in the catalogue.

    Raises:
        EngineError: The returns or the options are refused.
    """
    with refusals():
        wanted = None if only is None else list(only)
        return _engine.metrics(returns, bars_per_year, mar, rf, benchmark, ts, wanted)


def bootstrap(
    returns: NDArray[np.float64],
    *,
    seed: int,
    method: str,
    block_bars: float,
    n_paths: int,
    bars_per_year: float,
    first_path: int = 0,
    n_threads: int | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Return what paths of the same returns in another order score, one value a path.

    Args:
        returns: Simple returns per bar, ``(n_bars,)``, two or more, each finite.
        seed: Root of every draw, 0 to 2**53 - 1.
        method: ``stationary``, ``circular``, ``moving``, ``iid`` or ``permute``.
        block_bars: Bars of a block, 1 to ``n_bars``; the mean for ``stationary``, else whole.
        n_paths: How many paths, at most a million.
        bars_per_year: Annualises Sharpe ratio and growth.
        first_path: Number of the first path; a path is the same in whatever company.
        n_threads: None takes the machine's cores; the bytes are the same for any number.

    Returns:
        ``sharpe, max_drawdown, profit_factor_bar, cagr, es_5_bar``, each ``(n_paths,)``; NaN
        where a path has no such number.

    Raises:
        EngineError: The returns or what is asked of them are refused.

    Source:
        Politis and Romano (1994), JASA 89(428); Politis and Romano (1992), in Exploring the
        Limits of Bootstrap; Künsch (1989), Annals of Statistics 17(3).
    """
    check_threads(n_threads)
    with refusals():
        return _engine.bootstrap(
            returns, seed, method, block_bars, first_path, n_paths, bars_per_year, n_threads
        )


def optimal_block_bars(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the best mean block of the stationary and the best block of the circular bootstrap.

    Args:
        values: A series of 10 values or more, each finite.

    Raises:
        EngineError: It is shorter, or a value is not finite.

    Source:
        Politis and White (2004), Econometric Reviews 23(1); Patton, Politis and White (2009),
        correction, 28(4).
    """
    with refusals():
        return _engine.optimal_block_bars(values)
