"""Which markets each bootstrap replicate holds, as weights; every draw has an address.

The draws are the engine's Philox streams, spelled in integer NumPy so that a thousand replicates
are one array operation. Integers only: the same on any machine, in any order, in any block.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Floats = NDArray[np.float64]

MULTIPLIERS: Final = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
WEYL: Final = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
N_ROUNDS: Final = 10
TOURNAMENT_PURPOSE: Final = 11
SHUFFLE_LANE: Final = 1
WORD_MASK: Final = 2**64 - 1


def philox(counter: tuple[Words, Words, Words, Words], key: tuple[int, int]) -> list[Words]:
    """Four words for each counter under one key.

    Args:
        counter: Four arrays of equal shape.
        key: Two words.

    Source:
        Salmon, Moraes, Dror and Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3", SC;
        Philox4x64-10, as in the engine's random.rs.
    """
    c0, c1, c2, c3 = counter
    for round_index in range(N_ROUNDS):
        k0, k1 = ((key[i] + round_index * WEYL[i]) & WORD_MASK for i in (0, 1))
        high0, low0 = _wide_product(MULTIPLIERS[0], c0)
        high1, low1 = _wide_product(MULTIPLIERS[1], c2)
        c0, c1, c2, c3 = high1 ^ c1 ^ np.uint64(k0), low1, high0 ^ c3 ^ np.uint64(k1), low0
    return [c0, c1, c2, c3]


def _wide_product(factor: int, words: Words) -> tuple[Words, Words]:
    """High and low word of the 128-bit products."""
    half, mask = np.uint64(32), np.uint64(0xFFFFFFFF)
    a_high, a_low = np.uint64(factor >> 32), np.uint64(factor & 0xFFFFFFFF)
    b_high, b_low = words >> half, words & mask
    cross = a_high * b_low + ((a_low * b_low) >> half)  # below 2**64: (2**32-1)**2 + 2**32-1
    middle = a_low * b_high + (cross & mask)
    return a_high * b_high + (cross >> half) + (middle >> half), np.uint64(factor) * words


def uniforms(seed: int, first: int, last: int, n_draws: int, *, lane: int = 0) -> Floats:
    """Uniform draws of the tournament stream for replicates `first` to `last` - 1.

    Args:
        seed: The tournament's seed, 0 to 2**53 - 1.
        first: First replicate; it is the path of the address.
        last: One past the last replicate.
        n_draws: Draws a replicate; their number in it is the index of the address.
        lane: Of the address: 0 for replicates, `SHUFFLE_LANE` for the order of markets.

    Returns:
        In the open interval (0, 1), shape ``(last - first, n_draws)``.
    """
    digest = hashlib.sha256(b"spg-rng-v1:tournament").digest()
    key = (seed, int.from_bytes(digest[:8], "little"))
    n_blocks = -(-n_draws // 4)
    shape = (last - first, n_blocks)
    counter = (
        np.broadcast_to(np.arange(n_blocks, dtype=np.uint64)[None, :], shape),
        np.broadcast_to(np.arange(first, last, dtype=np.uint64)[:, None], shape),
        np.full(shape, lane, dtype=np.uint64),
        np.full(shape, TOURNAMENT_PURPOSE, dtype=np.uint64),
    )
    words = np.stack(philox(counter, key), axis=-1).reshape(shape[0], 4 * n_blocks)[:, :n_draws]
    return ((words >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def deck(families: Sequence[str], seed: int) -> tuple[int, ...]:
    """Order in which markets are dealt: shuffled, families taking turns.

    Any hand of a deck holds the families as evenly as their sizes allow.

    Args:
        families: Family of each market.
        seed: The tournament's seed.

    Returns:
        Numbers of the markets, each once.
    """
    draws = uniforms(seed, 0, 1, len(families), lane=SHUFFLE_LANE)[0]
    by_family: dict[str, list[int]] = {}
    for market in np.argsort(draws, kind="stable").tolist():
        by_family.setdefault(families[market], []).append(market)
    # The k-th of n markets of a family lies at (k + 1/2) / n of the deck.
    placed = [
        ((2 * k + 1) / (2 * len(markets)), family, market)
        for family, markets in by_family.items()
        for k, market in enumerate(markets)
    ]
    return tuple(market for _, _, market in sorted(placed))


def market_weights(strata: Sequence[NDArray[np.intp]], seed: int, first: int, last: int) -> Floats:
    """Weight of every market in replicates `first` to `last` - 1, resampled within each stratum.

    Of a stratum with n markets n - 1 are drawn with replacement and weigh n / (n - 1) each, which
    makes the variance of a mean unbiased where n draws would understate it by (n - 1) / n: by
    half for two markets a family. A stratum of one market has no spread to show; it stays as it is,
    and whoever reads the replicates must not take that for certainty.

    Args:
        strata: Market numbers of each stratum; together they are 0 to n_markets - 1.
        seed: The tournament's seed.
        first: First replicate.
        last: One past the last replicate.

    Returns:
        Weights, shape ``(last - first, n_markets)``; those of a stratum sum to its size.

    Source:
        Rao and Wu (1988), "Resampling inference with complex survey data", JASA 83(401).
    """
    n_replicates = last - first
    n_draws = [max(len(stratum) - 1, 1) for stratum in strata]
    draws = uniforms(seed, first, last, sum(n_draws))
    weights = np.zeros((n_replicates, sum(len(stratum) for stratum in strata)))
    rows = np.arange(n_replicates)[:, None]
    start = 0
    for stratum, m in zip(strata, n_draws, strict=True):
        n = len(stratum)
        chosen = np.floor(draws[:, start : start + m] * n).astype(np.intp)
        counts = np.bincount((rows * n + chosen).ravel(), minlength=n_replicates * n)
        weights[:, stratum] = counts.reshape(n_replicates, n) * (n / m)
        start += m
    return weights
