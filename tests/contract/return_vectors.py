"""Series of returns that metrics must cope with: plain, heavy-tailed, flat, rising, ruined."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def _mostly_flat() -> Floats:
    rng = _rng(7)
    return np.where(rng.random(900) < 0.1, rng.normal(0.0, 0.02, 900), 0.0)


PLAIN: dict[str, Floats] = {
    "normal": _rng(1).normal(2e-4, 0.01, 1_000),
    "heavy tails": _rng(2).standard_t(3, 3_000) * 0.01,
    "skewed": np.expm1(_rng(3).gamma(2.0, 0.01, 700) - 0.019),
    "with memory": np.convolve(_rng(4).normal(0.0, 0.01, 810), np.ones(8) / 8, "valid"),
    "long": _rng(5).standard_t(4, 4_200) * 0.002,
    "twenty": _rng(6).normal(0.0, 0.01, 20),
    "mostly flat": _mostly_flat(),
}
"""Series on which every metric of bars is a number, but for the tails of few losses."""

ODD: dict[str, Floats] = {
    "none": np.zeros(0),
    "one": np.array([0.01]),
    "two": np.array([0.01, -0.02]),
    "nineteen": _rng(8).normal(0.0, 0.01, 19),
    "zeros": np.zeros(50),
    "constant gain": np.full(50, 0.25),
    "constant loss": np.full(50, -0.25),
    # What a cent of interest a bar looks like once equities were divided.
    "rounded gain": 5.7e-6 + 2.0**-53 * (_rng(11).random(50) < 0.5),
    "gains only": np.abs(_rng(9).normal(0.0, 0.01, 60)) + 1e-6,
    "losses only": -np.abs(_rng(10).normal(0.0, 0.01, 60)) - 1e-6,
    "one loss": np.array([0.01] * 30 + [-0.02]),
}
RUIN = np.array([0.1, -0.05, 0.02, -1.5, 9.0, 0.3])
