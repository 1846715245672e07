"""The engine's resampling against its slow twin, arch, and the laws that every method obeys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import resampling
from arch.bootstrap import StationaryBootstrap, optimal_block_length
from numpy.typing import NDArray

from simcore import engine
from simcore.backtests.monte_carlo import METHODS, STATISTICS, chosen_block_bars

YEAR = 252.0
BLOCKS = {"stationary": 6.5, "circular": 9.0, "moving": 9.0, "iid": 1.0, "permute": 1.0}


def series(n: int, *, memory: float = 0.0, seed: int = 3) -> NDArray[np.float64]:
    """Returns of a first-order autoregression, 1 % a bar."""
    shocks = np.random.default_rng(seed).standard_normal(n)
    returns = np.empty(n)
    last = 0.0
    for t, shock in enumerate(shocks):
        last = memory * last + np.sqrt(1.0 - memory * memory) * shock
        returns[t] = last
    return 0.0004 + 0.01 * returns


def drawn(returns: NDArray[np.float64], method: str, **asked: Any) -> dict[str, Any]:
    request = {"seed": 7, "block_bars": BLOCKS[method], "n_paths": 300, "bars_per_year": YEAR}
    return engine.bootstrap(returns, method=method, **{**request, **asked})


@pytest.mark.parametrize("method", METHODS)
class TestEveryMethod:
    def test_scores_what_its_slow_twin_scores_from_the_same_draws(self, method: str) -> None:
        returns = series(211)
        found = drawn(returns, method, n_paths=40)
        for number in range(40):
            path = resampling.path(returns.tolist(), method, BLOCKS[method], 7, number)
            for name, expected in resampling.scores(path, YEAR).items():
                got = found[name][number]
                assert got == pytest.approx(expected, rel=1e-12, abs=1e-12), (number, name)

    def test_gives_the_same_bytes_on_1_2_and_16_threads_and_in_parts(self, method: str) -> None:
        returns = series(400)
        one = drawn(returns, method, n_threads=1)
        parts = [drawn(returns, method, n_paths=150, first_path=first) for first in (0, 150)]
        for name in STATISTICS:
            for n_threads in (2, 16):
                many = drawn(returns, method, n_threads=n_threads)
                assert one[name].tobytes() == many[name].tobytes()
            joined = np.concatenate([part[name] for part in parts])
            assert one[name].tobytes() == joined.tobytes()

    def test_draws_another_sample_from_another_seed(self, method: str) -> None:
        returns = series(100)
        here, there = drawn(returns, method), drawn(returns, method, seed=8)
        assert (here["max_drawdown"] != there["max_drawdown"]).mean() > 0.95


def test_the_mean_sharpe_and_drawdown_are_those_of_archs_stationary_bootstrap() -> None:
    returns = series(600, memory=0.3)

    def scored(path: NDArray[np.float64]) -> NDArray[np.float64]:
        found = resampling.scores(path.tolist(), YEAR)
        return np.array([found[name] for name in STATISTICS])

    theirs = StationaryBootstrap(8, returns, seed=1).apply(scored, 800)
    ours = drawn(returns, "stationary", block_bars=8.0, n_paths=20_000)
    for column, name in enumerate(STATISTICS):
        error = theirs[:, column].std(ddof=1) / np.sqrt(800)
        # Three of theirs and the seventh part of ours: five such errors in 3,000,000 samples once.
        assert abs(ours[name].mean() - theirs[:, column].mean()) <= 5.0 * error, name
        spread = ours[name].std(ddof=1) / theirs[:, column].std(ddof=1)
        assert abs(spread - 1.0) < 0.15, name


def test_a_permutation_changes_the_way_and_nothing_else() -> None:
    found = drawn(series(300), "permute")
    for name in ("sharpe", "profit_factor_bar", "cagr", "es_5_bar"):
        assert np.ptp(found[name]) <= 1e-11 * abs(found[name][0])
    assert np.ptp(found["max_drawdown"]) > 0.01


def test_blocks_keep_the_trends_that_single_draws_lose() -> None:
    # Returns that go on as they went fall deeper than the same returns in any order.
    returns = series(2_000, memory=0.6)
    blocks = drawn(returns, "stationary", block_bars=40.0, n_paths=2_000)
    single = drawn(returns, "iid", n_paths=2_000)
    assert blocks["max_drawdown"].mean() < 1.3 * single["max_drawdown"].mean()
    assert blocks["sharpe"].std() > 1.5 * single["sharpe"].std()
    turning = series(2_000, memory=-0.6)
    blocks = drawn(turning, "stationary", block_bars=40.0, n_paths=2_000)
    single = drawn(turning, "iid", n_paths=2_000)
    assert blocks["sharpe"].std() < single["sharpe"].std() / 1.5


def test_the_chosen_block_is_archs_optimal_length_of_returns_or_squares() -> None:
    for seed, memory in ((1, 0.0), (2, 0.5), (3, -0.4)):
        returns = series(1_500, memory=memory, seed=seed)
        if seed == 1:  # volatility that comes in spells: the squares need the longer block
            returns *= np.repeat([1.0, 4.0, 1.0, 3.0, 1.0], 300)
        theirs = optimal_block_length(np.column_stack([returns, returns * returns])).to_numpy()
        for column, values in enumerate((returns, returns * returns)):
            ours = engine.optimal_block_bars(values)
            assert ours == pytest.approx(tuple(theirs[column]), rel=1e-9)
        expected = max(theirs[:, 0].max(), 1.0)
        assert chosen_block_bars(returns, "stationary", "auto") == pytest.approx(expected, rel=1e-9)
        whole = max(round(theirs[:, 1].max()), 1)
        assert chosen_block_bars(returns, "circular", "auto") == whole
        assert chosen_block_bars(returns, "stationary", "block_20_60") == pytest.approx(
            min(max(expected, 20.0), 60.0), rel=1e-9
        )
