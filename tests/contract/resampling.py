"""Slow, obvious twin of the engine's resampling: which returns a path takes, and what it scores."""

from __future__ import annotations

import math

from draws import Stream


def path(
    returns: list[float], method: str, block_bars: float, seed: int, number: int
) -> list[float]:
    """The returns of one path, bar by bar, from single draws."""
    n = len(returns)
    stream = Stream(seed, "bootstrap", number, 0, "bootstrap")
    draws = iter(stream.uniforms(2 * n + 8))
    if method == "permute":
        order = list(returns)
        for i in range(n - 1, 0, -1):
            j = math.floor(next(draws) * (i + 1))
            order[i], order[j] = order[j], order[i]
        return order
    taken: list[float] = []
    while len(taken) < n:
        start, length = _block(draws, n, method, block_bars)
        taken += [returns[(start + k) % n] for k in range(length)]
    return taken[:n]


def _block(draws, n: int, method: str, block_bars: float) -> tuple[int, int]:
    if method == "moving":
        return math.floor(next(draws) * (n - block_bars + 1)), int(block_bars)
    start = math.floor(next(draws) * n)
    if method != "stationary":
        return start, int(block_bars) if method == "circular" else 1
    u, length = next(draws), 1
    chance = goes_on = 1.0 - 1.0 / block_bars
    while u < chance and length < n:
        chance *= goes_on
        length += 1
    return start, length


def scores(returns: list[float], bars_per_year: float) -> dict[str, float]:
    """The five scores of returns none of which loses all, each from its definition."""
    n = len(returns)
    mean = math.fsum(returns) / n
    deviation = math.sqrt(math.fsum((r - mean) ** 2 for r in returns) / (n - 1))
    equity, peak, deepest = 1.0, 1.0, 0.0
    for r in returns:
        equity *= 1.0 + r
        peak = max(peak, equity)
        deepest = min(deepest, equity / peak - 1.0)
    worst = sorted(returns)[: math.floor((n - 1) * 0.05) + 1]
    return {
        "sharpe": mean / deviation * math.sqrt(bars_per_year),
        "max_drawdown": deepest,
        "profit_factor_bar": math.fsum(r for r in returns if r > 0)
        / -math.fsum(r for r in returns if r < 0),
        "cagr": equity ** (bars_per_year / n) - 1.0,
        "es_5_bar": math.fsum(worst) / len(worst),
    }
