"""Walk-forward: where folds lie, what they choose and what they may not know."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market import flat_market, market
from skfolio.model_selection import WalkForward as SkfolioWalkForward

import simcore
from simcore import engine
from simcore.backtests import walk_forward as module
from simcore.backtests.folds import Fold, Plan
from simcore.backtests.request import execution_json
from simcore.backtests.search import candidates
from simcore.backtests.trials import TrialLedger
from simcore.backtests.walk_forward import Asked, judge, walk_forward
from simcore.bars import columns
from simcore.errors import EngineError, LimitError, SpecError
from simcore.store import Store
from simcore.strategy.strategy import bind, compile_strategy

ASKED = Asked(execution_json("honest_v1"), 10_000.0, 8_760.0, "sharpe")


@settings(max_examples=200)
@given(
    n_bars=st.integers(20, 400),
    folds=st.integers(1, 9),
    train=st.integers(3, 120),
    test=st.integers(1, 60),
    purge=st.integers(0, 2),
    scheme=st.sampled_from(["rolling", "anchored"]),
)
def test_folds_are_those_of_skfolio_with_the_train_cut_and_the_test_in_its_place(
    n_bars: int, folds: int, train: int, test: int, purge: int, scheme: str
) -> None:
    plan = Plan(folds, scheme, train, test, purge)
    if train + folds * test > n_bars:
        with pytest.raises(SpecError) as caught:
            plan.over(n_bars)
        assert caught.value.problems[0].reason == "TOO_SHORT"
        # Nothing in the sentence is a length that no stretch of bars has.
        assert " -" not in caught.value.message
        return
    theirs = SkfolioWalkForward(
        test_size=test,
        train_size=train - purge,
        purged_size=purge,
        expand_train=scheme == "anchored",
    )
    expected = list(theirs.split(np.zeros((n_bars, 1))))
    found = plan.over(n_bars)
    assert len(found) == folds <= len(expected)
    for fold, (learnt, judged) in zip(found, expected, strict=False):
        np.testing.assert_array_equal(np.arange(fold.train_start, fold.train_stop), learnt)
        np.testing.assert_array_equal(np.arange(fold.test_start, fold.test_stop), judged)


def test_without_lengths_half_of_the_history_is_judged_and_its_last_bar_is() -> None:
    folds = Plan(folds=4).over(803)
    assert (folds[0].test_start, folds[-1].test_stop) == (403, 803)
    assert [fold.test_start - fold.train_start for fold in folds] == [403] * 4
    assert {fold.test_start - fold.train_stop for fold in folds} == {1}
    assert Plan(folds=2, train_bars=100).over(200)[1] == Fold(1, 50, 149, 150, 200)
    assert Plan(folds=2, test_bars=30).over(100)[0] == Fold(0, 0, 39, 40, 70)


def test_what_is_cut_off_moves_no_test_and_defaults_to_the_longest_trade() -> None:
    plain = Plan(folds=3, purge_bars=0).over(600)
    cut = Plan(folds=3, purge_bars=7, embargo_bars=5).over(600)
    assert cut == tuple(replace(fold, train_stop=fold.train_stop - 12) for fold in plain)
    assert Plan(folds=3).over(600, holding_bars=20)[0].train_stop == 280
    # A limit that never acts cuts off half of the train, not all of it.
    assert Plan(folds=3).over(600, holding_bars=10**6)[0].train_stop == 150


@pytest.mark.parametrize(
    ("arguments", "reason", "path"),
    [
        ({"folds": 0}, "OUT_OF_RANGE", "/folds"),
        ({"folds": 2.5}, "WRONG_TYPE", "/folds"),
        ({"folds": True}, "WRONG_TYPE", "/folds"),
        ({"train_bars": 0}, "OUT_OF_RANGE", "/train_bars"),
        ({"test_bars": 0}, "OUT_OF_RANGE", "/test_bars"),
        ({"purge_bars": -1}, "OUT_OF_RANGE", "/purge_bars"),
        ({"embargo_bars": -1}, "OUT_OF_RANGE", "/embargo_bars"),
        ({"scheme": "roling"}, "UNKNOWN_NAME", "/scheme"),
        ({"objective": "sharp"}, "UNKNOWN_NAME", "/objective"),
        ({"objective": "n_trades"}, "UNKNOWN_NAME", "/objective"),
        ({"test_bars": 500}, "TOO_SHORT", "/test_bars"),
        ({"train_bars": 12, "purge_bars": 12}, "TOO_SHORT", "/purge_bars"),
        ({"embargo_bars": 10**9}, "TOO_SHORT", "/embargo_bars"),
        ({"train_bars": 10**30}, "TOO_SHORT", "/train_bars"),
        ({"train_bars": 299}, "TOO_SHORT", "/folds"),
        ({"folds": 10**30}, "TOO_SHORT", "/folds"),
        ({"folds": 400}, "TOO_SHORT", "/folds"),
        ({"grid": {}}, "GRID", "/grid"),
        ({"grid": {"fast": []}}, "GRID", "/grid/fast"),
        ({"grid": {"fast": "5"}}, "GRID", "/grid/fast"),
        ({"grid": {"fast": ["5"]}}, "WRONG_TYPE", "/grid/fast/0"),
        ({"grid": {"fats": [5]}}, "UNKNOWN_NAME", "/params/fats"),
        ({"grid": {"fast": [51]}}, "PARAM_DOMAIN", "/params/fast/value"),
        ({"grid": {"fast": [40], "slow": [20]}}, "GRID", "/grid"),
        ({"n_settings": 0}, "OUT_OF_RANGE", "/n_settings"),
        ({"seed": -1}, "OUT_OF_RANGE", "/seed"),
        ({"initial_cash": 0.0}, "OUT_OF_RANGE", "/initial_cash"),
        ({"bars_per_year": math.inf}, "OUT_OF_RANGE", "/bars_per_year"),
        ({"bars_per_year": 1e11}, "OUT_OF_RANGE", "/bars_per_year"),
        ({"execution": "dishonest"}, "UNKNOWN_ID", "/execution"),
        (
            {"train_bars": 40, "test_bars": 10, "grid": {"fast": [10], "slow": [60]}},
            "TOO_SHORT", "/train_bars",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_walked_is_refused_where_it_is_named(
    arguments: dict[str, Any], reason: str, path: str
) -> None:
    with pytest.raises(SpecError) as caught:
        walk_forward("ma_cross", market(1, 300), **arguments)
    problem = caught.value.problems[0]
    assert (problem.reason, problem.path) == (reason, path)


def test_all_that_is_wrong_with_the_folds_is_said_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        Plan(folds=0, scheme="no", test_bars=-1, embargo_bars=-1).over(100)
    assert [problem.path for problem in caught.value.problems] == [
        "/folds", "/test_bars", "/embargo_bars", "/scheme",
    ]  # fmt: skip


def test_more_settings_than_ten_thousand_are_refused() -> None:
    with pytest.raises(LimitError, match="10201"):
        walk_forward(
            "ma_cross", market(1, 300), grid={"fast": range(2, 103), "slow": range(10, 111)}
        )
    with pytest.raises(LimitError, match="10001"):
        walk_forward("ma_cross", market(1, 300), n_settings=10_001)


def other_future(bars: pl.DataFrame, stop: int, seed: int) -> pl.DataFrame:
    """The same bars up to `stop`, and others behind."""
    others = market(seed, bars.height, sigma=0.05)
    return pl.concat([bars[:stop], others[stop:].with_columns(ts=bars["ts"][stop:])])


def choices(bars: pl.DataFrame, folds: tuple[Fold, ...]) -> list[tuple[float, ...]]:
    tried = candidates(compile_strategy("ma_cross"), n_settings=24)
    return [each.chosen.values for each in judge(columns(bars), folds, tried, ASKED)]


def depends_on_the_future(folds: tuple[Fold, ...], honest: tuple[Fold, ...], seed: int) -> bool:
    """Whether some fold chooses otherwise when bars behind its honest train are others."""
    bars = market(seed, 400)
    chosen = choices(bars, folds)
    return any(
        choices(other_future(bars, fold.train_stop, 1_000 + seed), folds)[fold.number]
        != chosen[fold.number]
        for fold in honest
    )


@pytest.mark.parametrize("scheme", ["rolling", "anchored"])
def test_a_choice_does_not_depend_on_bars_behind_its_train(scheme: str) -> None:
    folds = Plan(folds=3, scheme=scheme).over(400)
    assert not any(depends_on_the_future(folds, folds, seed) for seed in range(6))


def test_a_train_that_reached_into_its_test_would_be_noticed() -> None:
    honest = Plan(folds=3).over(400)
    leaking = tuple(replace(fold, train_stop=fold.test_stop) for fold in honest)
    assert sum(depends_on_the_future(leaking, honest, seed) for seed in range(6)) >= 5


def test_a_judged_stretch_does_not_depend_on_bars_behind_it() -> None:
    bars, folds = market(4, 400), Plan(folds=3).over(400)
    tried = candidates(compile_strategy("ma_cross"), n_settings=24)
    whole = judge(columns(bars), folds, tried, ASKED)
    for fold in folds:
        cut = judge(columns(other_future(bars, fold.test_stop, 9)), folds, tried, ASKED)
        np.testing.assert_array_equal(cut[fold.number].equity, whole[fold.number].equity)


def test_each_fold_is_the_best_of_its_train_run_again_over_its_test() -> None:
    bars = market(5, 500)
    grid = {"fast": [4, 8, 12], "slow": [20, 30, 45]}
    walked = walk_forward("ma_cross", bars, folds=3, grid=grid)
    strategy = compile_strategy("ma_cross")
    history = columns(bars)

    def run(values: dict[str, float], start: int, stop: int) -> dict[str, Any]:
        text = bind(strategy, values).program_json
        known = {name: column[:stop] for name, column in history.items()}
        return engine.backtest(
            (text,), execution_json("honest_v1"), (known,), ((0, 0),),
            initial_cash=10_000.0, bars_per_year=(8_760.0,), first_bar=start,
        )[0]  # fmt: skip

    sharpe = [row["name"] for row in engine.catalogue()["metrics"]].index("sharpe")
    settings = [{"fast": fast, "slow": slow} for fast in grid["fast"] for slow in grid["slow"]]
    for learnt, judged in zip(
        walked.folds.filter(segment="is").to_dicts(),
        walked.folds.filter(segment="oos").to_dicts(),
        strict=True,
    ):
        runs = [run(values, learnt["start_bar"], learnt["stop_bar"]) for values in settings]
        ratios = [made["metrics"][sharpe] for made in runs]
        best = settings[int(np.argmax(ratios))]
        assert json.loads(learnt["parameters"]) == best
        assert learnt["sharpe"] == max(ratios)
        again = run(best, judged["start_bar"], judged["stop_bar"])
        assert judged["sharpe"] == again["metrics"][sharpe]
        assert judged["ir_hash"] == bind(strategy, best).ir_hash


def test_of_equals_the_smallest_hash_is_chosen() -> None:
    # Nothing moves, so that no setting trades.
    walked = walk_forward("ma_cross", flat_market(400), n_settings=20)
    tried = candidates(compile_strategy("ma_cross"), n_settings=20)
    assert len(tried.settings) == 20
    assert walked.folds["ir_hash"].unique().to_list() == [tried.settings[0].ir_hash]
    assert tried.settings[0].ir_hash == min(each.ir_hash for each in tried.settings)


def test_a_metric_of_which_less_is_better_is_searched_downwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = module.metric_names()
    runs = [{"metrics": np.array([value] * len(names))} for value in (3.0, math.nan, 1.0, 2.0)]
    assert module._best(runs, "sharpe") == 0
    monkeypatch.setattr(module, "objective_sign", lambda name: -1.0)
    assert module._best(runs, "sharpe") == 2


def test_a_strategy_without_domains_is_run_over_each_stretch_as_it_is() -> None:
    bars = market(6, 300)
    # But for costs that know the volatility of the bars before, it reads no past.
    execution = {"base": "honest_v1", "k_vol": 0.0}
    walked = walk_forward("buy_and_hold", bars, folds=2, purge_bars=0, execution=execution)
    assert walked.parameters.columns == ["fold"]
    assert walked.summary["n_settings"] == 1
    assert walked.summary["parameter_drift"] is None
    for row in walked.folds.iter_rows(named=True):
        own = bars[row["start_bar"] : row["stop_bar"]]
        alone = simcore.backtest("buy_and_hold", own, execution=execution)
        told = [each["name"] for each in engine.catalogue()["metrics"]]
        assert {name: row[name] for name in told} == dict(alone.metrics)
        assert row["flags"] == " ".join(alone.flags)


def test_stitched_equity_grows_as_the_tests_do_one_after_the_other() -> None:
    walked = walk_forward("ma_cross", market(7, 600), folds=4, n_settings=16)
    growth = 1.0 + walked.folds.filter(segment="oos")["total_return"].to_numpy()
    assert walked.equity.len() == 4 * 75
    assert walked.equity[-1] == pytest.approx(10_000.0 * float(np.prod(growth)), rel=1e-12)
    assert walked.equity[74] == pytest.approx(10_000.0 * growth[0], rel=1e-12)
    total = walked.summary["stitched"]["total_return"]
    assert total == pytest.approx(float(np.prod(growth)) - 1.0, rel=1e-9)


def test_the_summary_is_mean_deviation_and_least_of_the_tests_and_what_is_left_of_the_gain() -> (
    None
):
    walked = walk_forward("ma_cross", market(8, 600), folds=4, n_settings=16)
    judged = walked.folds.filter(segment="oos")
    learnt = walked.folds.filter(segment="is")
    summary = walked.summary
    returns = judged["total_return"].to_numpy()
    assert summary["mean"]["total_return"] == pytest.approx(returns.mean())
    assert summary["std"]["total_return"] == pytest.approx(returns.std(ddof=1))
    assert summary["min"]["total_return"] == returns.min()

    def growth(rows: pl.DataFrame) -> float:
        n_bars = (rows["stop_bar"] - rows["start_bar"]).sum()
        return float(np.log1p(rows["total_return"].to_numpy()).sum()) / n_bars

    assert growth(learnt) > 0.0
    assert summary["wfe"] == pytest.approx(growth(judged) / growth(learnt))
    steps = np.abs(np.diff(walked.parameters.select("fast", "slow").to_numpy(), axis=0))
    assert summary["parameter_drift"] == pytest.approx(float(np.mean(steps / [48.0, 190.0])))
    assert (summary["n_folds"], summary["n_settings"]) == (4, 16)


def test_nothing_is_left_of_a_gain_that_was_none() -> None:
    falling = market(9, 400).with_columns(
        pl.col("open", "high", "low", "close") * pl.lit(np.linspace(1.0, 0.1, 400))
    )
    walked = walk_forward("buy_and_hold", falling, folds=2)
    assert walked.folds.filter(segment="is")["total_return"].max() < 0.0
    assert walked.summary["wfe"] is None


def test_one_fold_has_no_deviation_and_no_drift() -> None:
    summary = walk_forward("ma_cross", market(2, 300), folds=1, n_settings=8).summary
    assert summary["std"]["sharpe"] is None
    assert summary["parameter_drift"] is None


def test_draws_are_those_of_the_seed_begin_with_the_authors_setting_and_keep_to_the_domains() -> (
    None
):
    strategy = compile_strategy("overfit_trap")
    one, same, other = (candidates(strategy, n_settings=40, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert {each.ir_hash for each in one.settings} != {each.ir_hash for each in other.settings}
    for tried in (one, other):
        assert strategy.ir_hash in {each.ir_hash for each in tried.settings}
        assert len(tried.settings) == 40
        for each in tried.settings:
            for name, value in zip(tried.names, each.values, strict=True):
                param = strategy.model.params[name]
                assert param.min <= value <= param.max
                assert not param.is_integer or value.is_integer()
    more = candidates(strategy, n_settings=80, seed=1)
    assert {each.ir_hash for each in one.settings} <= {each.ir_hash for each in more.settings}


def test_every_value_of_a_small_domain_is_drawn_and_steps_are_kept() -> None:
    document = compile_strategy("ma_cross").document
    document = json.loads(json.dumps(document))
    document["params"]["fast"] = {"value": 4, "min": 3, "max": 6}
    document["params"]["slow"] = {"value": 20, "min": 10, "max": 40, "step": 10}
    tried = candidates(compile_strategy(document), n_settings=1_000)
    assert {each.values[0] for each in tried.settings} == {3.0, 4.0, 5.0, 6.0}
    assert {each.values[1] for each in tried.settings} == {10.0, 20.0, 30.0, 40.0}
    assert len(tried.settings) == 16


def test_settings_are_identified_as_binding_them_would() -> None:
    for name in ("ma_cross", "overfit_trap", "bbands_breakout", "rsi_bbands_mean_revert"):
        strategy = compile_strategy(name)
        tried = candidates(strategy, n_settings=12, seed=3)
        assert len(tried.settings) == 12
        for each in tried.settings:
            whole = bind(strategy, dict(zip(tried.names, each.values, strict=True)))
            assert (each.ir_hash, each.lookback_bars) == (whole.ir_hash, whole.lookback_bars)


def test_settings_that_look_back_further_than_the_first_train_wait_until_they_can_see() -> None:
    grid = {"fast": [5], "slow": [20, 150]}
    walked = walk_forward(
        "ma_cross", market(3, 400), folds=2, train_bars=100, test_bars=100, grid=grid
    )
    assert walked.folds["n_settings"].to_list() == [1, 1, 2, 2]


def test_a_first_bar_behind_the_history_is_refused_by_the_engine() -> None:
    text = compile_strategy("buy_and_hold").program_json
    with pytest.raises(EngineError, match="first_bar"):
        engine.backtest(
            (text,), execution_json("honest_v1"), (columns(market(1, 50)),), ((0, 0),),
            initial_cash=1.0, bars_per_year=(1.0,), first_bar=50,
        )  # fmt: skip


def test_without_a_home_nothing_is_written_and_with_one_every_setting_is_counted_once(
    tmp_path: Path,
) -> None:
    bars = market(3, 400)
    grid = {"fast": [5, 10], "slow": [20, 30]}
    walk_forward("ma_cross", bars, folds=2, grid=grid)
    assert list(tmp_path.iterdir()) == []
    ledger = TrialLedger(Store(tmp_path / "lake"))
    for _ in range(2):
        walk_forward("ma_cross", bars, folds=2, grid=grid, home=tmp_path)
        assert [each.k for each in ledger.census().values()] == [4]
    walk_forward("ma_cross", bars, folds=2, grid={**grid, "fast": [5, 11]}, home=tmp_path)
    assert [each.k for each in ledger.census().values()] == [6]


def test_an_abandoned_walk_has_counted_what_it_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = module._runs

    def interrupted(history: Any, start: int, *rest: Any, **more: Any) -> Any:
        if start == 300:
            raise KeyboardInterrupt
        return runs(history, start, *rest, **more)

    monkeypatch.setattr(module, "_runs", interrupted)
    with pytest.raises(KeyboardInterrupt):
        walk_forward("ma_cross", market(3, 400), folds=2, grid={"fast": [5, 6]}, home=tmp_path)
    assert TrialLedger(Store(tmp_path / "lake")).read()["asked_by"].to_list() == [
        "walk_forward", "walk_forward",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"folds": 10**30}, "expected at most 150 in a history of 300 bars"),
        ({"train_bars": 10**9}, "expected fewer than the bars of a history of 300 bars"),
        ({"test_bars": 100}, "which make 500 bars in 5 folds"),
        ({"purge_bars": 10**9}, "to cut off a train of 150"),
    ],
)
def test_a_size_that_no_history_has_room_for_is_named_with_the_room_there_is(
    asked: dict[str, int], said: str
) -> None:
    with pytest.raises(SpecError, match=said):
        Plan(**asked).over(300)
