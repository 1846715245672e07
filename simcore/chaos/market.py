"""The undisturbed market of a universe: a pure function of its seeds, made here once more.

The log holds no bars, only a digest of each day's; with it, what the run's marks are compared with
is known to be the market that the run was given.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simcore import engine
from simcore.chaos.kinds import DAY_NS, MINUTE_NS

TICK: Final = 0.01
LOT: Final = 0.0001
MINUTES_A_DAY: Final = DAY_NS // MINUTE_NS

Path = NDArray[np.int64]
"""Bars of one asset, ``(n_minutes, 5)``: open, high, low, close in ticks, volume in lots."""


def paths(universe: Mapping[str, Any]) -> list[Path]:
    """Return the bars of every asset, as they would be without any fault.

    Args:
        universe: The document that the engine ran.
    """
    asked = universe["market"]
    return [_path({**asked["scenario"], "seed": seed}) for seed in asked["seeds"]]


def _path(scenario: Mapping[str, Any]) -> Path:
    columns = engine.generate(scenario).columns
    prices = [np.rint(columns[name] / TICK) for name in ("open", "high", "low", "close")]
    rows = np.column_stack([*prices, np.floor(columns["volume"] / LOT)])
    return rows.astype("<i8")


def digest(found: Sequence[Path]) -> str:
    """Return the SHA-256 of the digests of the days, 64 hexadecimal digits."""
    n_days = found[0].shape[0] // MINUTES_A_DAY
    whole = hashlib.sha256()
    for day in range(n_days):
        span = slice(day * MINUTES_A_DAY, (day + 1) * MINUTES_A_DAY)
        whole.update(hashlib.sha256(b"".join(path[span].tobytes() for path in found)).digest())
    return whole.hexdigest()


def closes(found: Sequence[Path]) -> pl.DataFrame:
    """Return what each asset would close at, by the moment at which that is known.

    Returns:
        ``instrument, known_at, close_tk``; `known_at` is the end of the minute, ns.
    """
    frames = [
        pl.DataFrame(
            {
                "instrument": np.full(path.shape[0], instrument, dtype=np.int64),
                "known_at": (np.arange(path.shape[0], dtype=np.int64) + 1) * MINUTE_NS,
                "close_tk": path[:, 3],
            }
        )
        for instrument, path in enumerate(found)
    ]
    return pl.concat(frames)
