"""Draws by their address, for what belongs to no scenario."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simcore import _engine
from simcore.engine.boundary import refusals


def uniforms(seed: int, purpose: str, lane: int, n: int, *, start: int = 0) -> NDArray[np.float64]:
    """Return draws in the open interval (0, 1) that belong to no scenario, ``(n,)``.

    A draw is a pure function of its address: seed, purpose, lane and its own index. Draws of
    another lane or purpose are independent of these; asking twice gives the same.

    Args:
        seed: 0 to 2**53 - 1.
        purpose: What the draws are for, such as ``evolution``.
        lane: Which series of that purpose, 0 to 2**64 - 1.
        n: How many.
        start: Index of the first.

    Raises:
        EngineError: The purpose is not known, or too many are asked for.

    Source:
        Salmon, Moraes, Dror and Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3", SC.
    """
    with refusals():
        return _engine.uniforms(seed, purpose, lane, start, n)


def normals(seed: int, purpose: str, lane: int, n: int, *, start: int = 0) -> NDArray[np.float64]:
    """Return the draws of `uniforms` at the same address as standard normals, ``(n,)``.

    Raises:
        EngineError: The purpose is not known, or too many are asked for.

    Source:
        Wichura (1988), "Algorithm AS 241", Applied Statistics 37.
    """
    with refusals():
        return _engine.normals(seed, purpose, lane, start, n)
