"""The random-entry twin: no edge stands anywhere among its twins, an edge stands above them."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from market import HOUR_NS, START_NS, market
from planted import planted_market, spike_buyer
from scipy import stats

import simcore
from simcore import engine
from simcore.backtests.random_entry import PURPOSE, _drawn, random_entry
from simcore.backtests.request import execution_json
from simcore.bars import columns
from simcore.errors import EngineError, SpecError


def test_a_planted_edge_stands_above_its_twins() -> None:
    bars = planted_market(1, 3_000, (0.01,))
    found = random_entry(spike_buyer(1), bars)
    assert found.percentile is not None
    assert found.percentile >= 95.0
    assert found.p_value == pytest.approx(1 / 201)
    assert found.twin_scores.size == 200
    assert found.percentile_se is not None
    assert 0.0 < found.percentile_se < 2.0


def test_without_an_edge_the_percentile_is_uniform() -> None:
    percentiles = [
        random_entry(spike_buyer(3), planted_market(seed, 1_500, ()), n_twins=100).percentile
        for seed in range(60)
    ]
    shares = [percentile / 100.0 for percentile in percentiles if percentile is not None]
    assert len(shares) == 60
    assert stats.kstest(shares, "uniform").pvalue > 0.01


def test_a_market_that_only_rises_rewards_exposure_and_not_timing() -> None:
    percentiles = []
    for seed in range(20):
        bars = planted_market(seed, 1_500, ())
        drift = pl.Series(np.exp(0.002 * np.arange(1_500)))
        prices = ("open", "high", "low", "close")
        bars = bars.with_columns(pl.col(name) * drift for name in prices)
        found = random_entry(spike_buyer(10), bars, n_twins=50)
        assert found.score is not None
        assert found.score > 0.0
        percentiles.append(found.percentile)
    assert 30.0 < float(np.mean(percentiles)) < 70.0


def test_the_same_run_has_the_same_twins_for_any_number_of_threads() -> None:
    bars = market(4, 1_000)
    runs = [random_entry("ma_cross", bars, n_threads=n) for n in (1, 2, 16)]
    assert len({run.seed for run in runs}) == 1
    assert len({run.twin_scores.tobytes() for run in runs}) == 1
    other = random_entry("ma_cross", bars, seed=runs[0].seed + 1)
    assert other.twin_scores.tobytes() != runs[0].twin_scores.tobytes()


def test_more_twins_leave_the_first_ones_as_they_were() -> None:
    bars = market(4, 1_000)
    few = random_entry("ma_cross", bars, n_twins=20, seed=7)
    many = random_entry("ma_cross", bars, n_twins=40, seed=7)
    assert many.twin_scores[:20].tobytes() == few.twin_scores.tobytes()


@pytest.mark.parametrize("n", [1, 5, 40])
def test_a_twin_has_the_runs_positions_in_another_order_and_none_overlap(n: int) -> None:
    generator = np.random.default_rng(n)
    positions = {
        "held": generator.integers(0, 9, n),
        "side": generator.choice([-1.0, 1.0], n),
        "share": generator.random(n),
    }
    first, n_bars = 21, 21 + int(np.maximum(positions["held"], 1).sum()) + 30
    drawn = _drawn(positions, 50, 3, first, n_bars)
    kinds = sorted(zip(*(positions[name].tolist() for name in positions), strict=True))
    for twin in range(50):
        rows = {name: values[twin * n : (twin + 1) * n] for name, values in drawn.items()}
        held = rows["exit_bar"] - rows["entry_bar"]
        assert sorted(zip(held, rows["side"], rows["share"], strict=True)) == kinds
        assert rows["entry_bar"].min() >= first
        assert rows["exit_bar"].max() <= n_bars
        ends = np.maximum(rows["exit_bar"], rows["entry_bar"] + 1)
        assert (rows["entry_bar"][1:] >= ends[:-1]).all()
    starts = drawn["entry_bar"].reshape(50, n)
    assert len({tuple(row) for row in starts.tolist()}) > 25


def test_positions_that_fit_in_one_way_only_have_no_freedom() -> None:
    found = random_entry("buy_and_hold", market(1, 500))
    assert (found.percentile, found.flags, found.n_positions) == (50.0, ("NO_FREEDOM",), 1)


def test_a_run_without_trades_has_no_percentile_and_says_so() -> None:
    found = random_entry("zero_rule", market(1, 500))
    assert (found.percentile, found.p_value, found.flags) == (None, None, ("NO_TRADES",))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"metric": "sharp"}, "UNKNOWN_NAME"),
        ({"metric": "turnover"}, "UNKNOWN_NAME"),
        ({"n_twins": 0}, "OUT_OF_RANGE"),
        ({"n_twins": True}, "OUT_OF_RANGE"),
        ({"seed": -1}, "OUT_OF_RANGE"),
    ],
)
def test_what_cannot_be_asked_is_refused(arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(SpecError) as refused:
        random_entry("ma_cross", market(1, 300), **arguments)
    assert refused.value.problems[0].reason == reason


def scripted(bars: pl.DataFrame, **rows: list[float]) -> list[engine.RunColumns]:
    return engine.scripted(
        execution_json("honest_v1"),
        columns(bars),
        {name: np.array(values) for name, values in rows.items()},
        starts=[0],
        max_leverage=1.0,
        initial_cash=10_000.0,
        bars_per_year=8_760.0,
    )


def test_a_script_of_a_runs_own_positions_is_the_run() -> None:
    bars = planted_market(3, 2_000, ())
    run = simcore.backtest(spike_buyer(4), bars, initial_cash=10_000.0)
    trades = run.trades
    last = trades["exit_reason"] == "end_of_data"
    (again,) = scripted(
        bars,
        entry_bar=trades["entry_bar"].to_list(),
        exit_bar=(trades["exit_bar"].cast(pl.Int64) + last.cast(pl.Int64)).to_list(),
        side=[1.0] * trades.height,
        share=[0.9] * trades.height,
    )
    names = [row["name"] for row in engine.catalogue()["metrics"] if row["in_summary"]]
    for name, value in zip(names, again["metrics"].tolist(), strict=True):
        assert value == pytest.approx(run.metrics[name], rel=1e-12), name


def test_a_ruined_script_ends_where_nothing_is_left() -> None:
    close = [100.0] * 5 + [250.0] * 5
    bars = pl.DataFrame(
        {"ts": START_NS + HOUR_NS * np.arange(10), "volume": [1.0] * 10}
        | dict.fromkeys(("open", "high", "low", "close"), close)
    )
    (run,) = scripted(bars, entry_bar=[2], exit_bar=[8], side=[-1.0], share=[0.9])
    assert run["metrics"][0] == -1.0
    assert run["final_equity_quote"] < 0.0


@pytest.mark.parametrize(
    ("entry", "exit_", "side", "share"),
    [
        ([0], [5], 1.0, 0.5),  # decided before the first bar
        ([5, 7], [8, 9], 1.0, 0.5),  # overlapping
        ([5, 5], [5, 6], 1.0, 0.5),  # in the bar of a position that ends at its close
        ([5], [4], 1.0, 0.5),
        ([5], [301], 1.0, 0.5),
        ([5], [6], 0.5, 0.5),
        ([5], [6], 1.0, -0.1),
        ([5], [6], 1.0, float("nan")),
    ],
)
def test_a_script_that_no_account_could_follow_is_refused(
    entry: list[float], exit_: list[float], side: float, share: float
) -> None:
    n = len(entry)
    with pytest.raises(EngineError) as refused:
        scripted(market(1, 300), entry_bar=entry, exit_bar=exit_, side=[side] * n,
                 share=[share] * n)  # fmt: skip
    assert refused.value.code == "FIELD_INVALID"


def test_draws_for_twins_are_their_own() -> None:
    own, others = (engine.uniforms(1, purpose, 0, 4) for purpose in (PURPOSE, "bootstrap"))
    assert own.tolist() != others.tolist()
