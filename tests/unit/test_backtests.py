"""What a backtest is asked and what it answers: requests, runs, the cache, tables, sweeps."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from market import market

import simcore
from simcore import engine
from simcore.backtests.request import (
    execution_fields,
    execution_name,
    signature,
)
from simcore.backtests.run import run_strategy
from simcore.bars import columns, columns_by_path, dataset_hash
from simcore.errors import EngineError, LimitError, SpecError
from simcore.scenario.document import load
from simcore.scenario.manifest import generate_with_manifest
from simcore.strategy.grid import lowered
from simcore.strategy.strategy import bind
from simcore.tables import TABLES

HONEST = {
    "bar_delay": 1, "market_fill": "open", "limit_fill": "touch", "intrabar": "pessimistic",
    "conflict": "none", "finalize": "close", "lot": 0.0, "on_insufficient": "shrink",
    "base_bps": 1.0, "k_vol": 0.05, "fee_bps": 2.0, "maker_bps": None, "min_fee": 0.0, "fixed": 0.0,
    "impact": "none", "impact_y": 1.0, "participation": None, "half_spread_bps": 0.0,
    "borrow_bps_year": 0.0, "funding_bps_year": 0.0, "cash_rate_year": 0.0,
}  # fmt: skip


def reasons(error: pytest.ExceptionInfo[SpecError]) -> list[tuple[str, str]]:
    return [(problem.reason, problem.path) for problem in error.value.problems]


class TestExecution:
    def test_the_honest_profile_has_the_stated_defaults(self) -> None:
        assert execution_fields("honest_v1") == HONEST

    def test_the_other_profiles_differ_from_it_in_what_they_are_for(self) -> None:
        seed = {"market_fill": "close", "limit_fill": "touch_v0", "intrabar": "optimistic"}
        assert execution_fields("spec_v0") == {**HONEST, **seed}
        stress = {"bar_delay": 2, "base_bps": 2.0, "k_vol": 0.1, "fee_bps": 4.0}
        assert execution_fields("stress_v1") == {**HONEST, **stress}

    def test_what_may_be_null_or_negative_is_taken_so(self) -> None:
        asked = {"maker_bps": None, "participation": 1, "funding_bps_year": -5, "fee_bps": 3}
        fields = execution_fields({"base": "honest_v1", **asked})
        assert fields == {**HONEST, **asked}
        assert isinstance(fields["participation"], float)

    def test_overrides_change_what_they_name_and_nothing_else(self) -> None:
        fields = execution_fields({"base": "honest_v1", "fee_bps": 5, "bar_delay": 2})
        assert fields == {**HONEST, "fee_bps": 5.0, "bar_delay": 2}

    def test_the_name_of_overrides_tells_their_content(self) -> None:
        five = execution_name({"base": "honest_v1", "fee_bps": 5})
        assert five == execution_name({"fee_bps": 5.0, "base": "honest_v1"})
        assert five.startswith("honest_v1+") and len(five) == len("honest_v1+") + 12
        assert five != execution_name({"base": "honest_v1", "fee_bps": 6})
        assert execution_name({"base": "honest_v1", "fee_bps": 2.0}) == "honest_v1"

    @pytest.mark.parametrize(
        ("profile", "expected"),
        [
            ("honest_v9", [("UNKNOWN_ID", "/execution")]),
            ({"base": "nobody"}, [("UNKNOWN_ID", "/execution/base")]),
            ({"fee_bps": 1.0}, [("MISSING_FIELD", "/execution/base")]),
            ({"base": "honest_v1", "latency": 3}, [("UNKNOWN_FIELD", "/execution/latency")]),
            ({"base": "honest_v1", "fee_bps": -1}, [("OUT_OF_RANGE", "/execution/fee_bps")]),
            (
                {"base": "honest_v1", "fee_bps": float("nan")},
                [("OUT_OF_RANGE", "/execution/fee_bps")],
            ),
            ({"base": "honest_v1", "bar_delay": 0}, [("OUT_OF_RANGE", "/execution/bar_delay")]),
            ({"base": "honest_v1", "bar_delay": 1.5}, [("WRONG_TYPE", "/execution/bar_delay")]),
            ({"base": "honest_v1", "fee_bps": "2"}, [("WRONG_TYPE", "/execution/fee_bps")]),
            ({"base": "honest_v1", "fee_bps": True}, [("WRONG_TYPE", "/execution/fee_bps")]),
            ({"base": "honest_v1", "intrabar": 1}, [("WRONG_TYPE", "/execution/intrabar")]),
            ({"base": "honest_v1", "lot": None}, [("WRONG_TYPE", "/execution/lot")]),
            ({"base": "honest_v1", "maker_bps": -1}, [("OUT_OF_RANGE", "/execution/maker_bps")]),
            ({"base": "honest_v1", "impact": "linear"}, [("BAD_ENUM", "/execution")]),
            (
                {"base": "honest_v1", "participation": 2},
                [("OUT_OF_RANGE", "/execution/participation")],
            ),
            (
                {"base": "honest_v1", "fee": 1, "lot": -1},
                [("UNKNOWN_FIELD", "/execution/fee"), ("OUT_OF_RANGE", "/execution/lot")],
            ),
        ],
    )
    def test_a_wrong_execution_is_refused_with_all_its_problems(
        self, profile: Any, expected: list[tuple[str, str]]
    ) -> None:
        with pytest.raises(SpecError) as refused:
            execution_fields(profile)
        assert reasons(refused) == expected

    def test_a_misspelt_name_gets_a_hint(self) -> None:
        with pytest.raises(SpecError, match='did you mean "fee_bps"'):
            execution_fields({"base": "honest_v1", "fee_bp": 1})


class TestColumns:
    def test_columns_are_views_and_not_copies(self) -> None:
        bars = market(1, 50)
        assert np.shares_memory(columns(bars)["close"], bars["close"].to_numpy())

    def test_bars_without_an_order_of_extremes_get_the_unknown_one(self) -> None:
        assert columns(market(1, 50))["hl_order"].tolist() == [0] * 50

    def test_a_column_that_is_missing_is_named(self) -> None:
        with pytest.raises(SpecError, match="ts, volume") as refused:
            columns(market(1, 50).drop("ts", "volume"))
        assert reasons(refused) == [("MISSING_COLUMN", "")]

    @pytest.mark.parametrize("name", ["path", "asset"])
    def test_more_than_one_path_or_asset_is_refused(self, name: str) -> None:
        two = market(1, 50).with_columns(pl.Series(name, [0] * 25 + [1] * 25, dtype=pl.UInt32))
        with pytest.raises(SpecError) as refused:
            columns(two)
        assert refused.value.code == "MULTIPLE_PATHS"

    def test_timestamps_of_every_unit_become_nanoseconds(self) -> None:
        bars = market(1, 50)
        expected = columns(bars)["ts"].tolist()
        for unit in ("ns", "us", "ms"):
            stamped = bars.with_columns(
                pl.col("ts").cast(pl.Datetime("ns", "UTC")).cast(pl.Datetime(unit, "UTC"))
            )
            assert columns(stamped)["ts"].tolist() == expected

    def test_a_null_price_is_refused_with_its_row(self) -> None:
        bars = market(1, 50).with_columns(
            close=pl.when(pl.int_range(pl.len()) == 7).then(None).otherwise(pl.col("close"))
        )
        with pytest.raises(SpecError, match="row 7") as refused:
            columns(bars)
        assert reasons(refused) == [("NULL_VALUE", "/close")]

    def test_text_for_numbers_is_refused(self) -> None:
        with pytest.raises(SpecError) as refused:
            columns(market(1, 50).with_columns(pl.col("open").cast(pl.String)))
        assert reasons(refused) == [("WRONG_TYPE", "/open")]

    def test_whole_numbers_and_single_precision_pass_for_prices(self) -> None:
        bars = market(1, 50).with_columns(
            pl.col("volume").cast(pl.Int64), pl.col("open").cast(pl.Float32)
        )
        assert columns(bars)["volume"].dtype == np.float64

    def test_paths_are_told_apart(self) -> None:
        two = pl.concat(
            [market(seed, 30).with_columns(path=pl.lit(seed, pl.UInt32)) for seed in (3, 4)]
        )
        parts = columns_by_path(two)
        assert [path for path, _ in parts] == [3, 4]
        assert parts[1][1]["close"].tolist() == market(4, 30)["close"].to_list()

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"close": float("nan")}, "NAN_PRICE"),
            ({"low": -1.0}, "PRICE_NOT_POSITIVE"),
            ({"high": 1e-3}, "HIGH_BELOW_BODY"),
            ({"volume": -1.0}, "NEGATIVE_VOLUME"),
        ],
    )
    def test_an_impossible_bar_is_refused(self, change: dict[str, float], code: str) -> None:
        (name, value), *_ = change.items()
        bars = market(1, 50).with_columns(
            pl.when(pl.int_range(pl.len()) == 9).then(value).otherwise(pl.col(name)).alias(name)
        )
        with pytest.raises(EngineError) as refused:
            simcore.backtest("buy_and_hold", bars)
        assert refused.value.code == code

    def test_a_timestamp_that_stands_twice_is_refused(self) -> None:
        bars = market(1, 50)
        with pytest.raises(EngineError) as refused:
            simcore.backtest("buy_and_hold", pl.concat([bars[:20], bars[19:]]))
        assert refused.value.code == "DUPLICATE_TS"


class TestHashes:
    def test_generated_bars_hash_to_what_their_manifest_says(self) -> None:
        bars, manifest = generate_with_manifest(load("trend-up-mid"))
        assert dataset_hash(bars) == manifest["dataset_hash"]

    def test_any_changed_value_changes_the_hash(self) -> None:
        bars = market(1, 50)
        plain = dataset_hash(bars)
        assert dataset_hash(bars.with_columns(note=pl.lit("x"))) == plain
        for name in bars.columns:
            assert dataset_hash(bars.with_columns(pl.col(name) + 1)) != plain

    def test_every_part_of_a_request_is_in_its_signature(self) -> None:
        plain: dict[str, Any] = {
            "ir_hash": "a", "scenario_hash": None, "dataset_hash": "b", "path": 0,
            "execution": HONEST, "initial_cash": 10_000.0, "bars_per_year": 8760.0,
            "engine_version": "1", "libm_profile": "p",
        }  # fmt: skip
        changed: dict[str, Any] = {
            "ir_hash": "c", "scenario_hash": "s", "dataset_hash": "d", "path": 1,
            "execution": {**HONEST, "finalize": "mark"}, "initial_cash": 1.0,
            "bars_per_year": 365.0, "engine_version": "2", "libm_profile": "q",
        }  # fmt: skip
        seen = {signature(**plain)}
        seen |= {signature(**{**plain, name: value}) for name, value in changed.items()}
        assert len(seen) == len(plain) + 1


class TestBacktest:
    def test_it_has_metrics_equity_trades_and_flags(self) -> None:
        bars = market(1, 600)
        result = simcore.backtest("ma_cross", bars)
        assert list(result.metrics) == [row["name"] for row in engine.catalogue()["metrics"]]
        assert result.equity.len() == 600
        assert result.metrics["n_trades"] == result.trades.height
        assert type(result.metrics["n_trades"]) is int
        assert type(result.metrics["total_return"]) is float
        assert result.trades.height > 0
        assert isinstance(result.flags, tuple)
        assert not result.used_cache

    def test_a_run_brings_the_first_metrics_and_works_out_the_others_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[Any] = []
        plain = engine.backtest

        def watched(*args: Any, **kwargs: Any) -> list[engine.RunColumns]:
            asked.append(kwargs.get("benchmark"))
            return plain(*args, **kwargs)

        monkeypatch.setattr(engine, "backtest", watched)
        result = simcore.backtest("ma_cross", market(1, 600))
        assert result.metrics["sharpe"] is not None and asked == [None]
        assert "beta" in result.metrics and "nothing" not in result.metrics and asked == [None]
        assert result.metrics["beta"] is not None and result.metrics["cagr"] is not None
        assert len(asked) == 2 and result.flags is not None and len(asked) == 2
        with pytest.raises(KeyError):
            result.metrics["nothing"]

    def test_a_cached_run_needs_no_engine_for_any_metric(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = dict(simcore.backtest("ma_cross", market(3, 300), home=tmp_path).metrics)
        found = simcore.backtest("ma_cross", market(3, 300), home=tmp_path)
        monkeypatch.setattr(engine, "backtest", None)
        assert dict(found.metrics) == made

    def test_trades_have_the_columns_of_their_table(self) -> None:
        own = [c.name for c in TABLES["trades"].columns][3:]
        assert simcore.backtest("ma_cross", market(1, 600)).trades.columns == own
        assert simcore.backtest("zero_rule", market(1, 600)).trades.columns == own

    def test_a_zero_rule_leaves_the_cash_alone(self) -> None:
        result = simcore.backtest("zero_rule", market(1, 600), initial_cash=1_234.5)
        assert result.trades.height == 0
        assert result.equity.to_list() == [1_234.5] * 600

    def test_bars_per_year_default_to_a_market_that_never_closes(self) -> None:
        bars = market(1, 600)
        plain, stated = (
            simcore.backtest("ma_cross", bars, bars_per_year=a).metrics for a in (None, 8_760.0)
        )
        assert plain == stated
        assert simcore.backtest("ma_cross", bars, bars_per_year=6_048.0).metrics != plain

    @pytest.mark.parametrize("cash", [0.0, -1.0, float("nan"), float("inf")])
    def test_cash_must_be_a_finite_number_above_zero(self, cash: float) -> None:
        with pytest.raises(SpecError) as refused:
            simcore.backtest("ma_cross", market(1, 600), initial_cash=cash)
        assert reasons(refused) == [("OUT_OF_RANGE", "/initial_cash")]

    def test_equal_requests_have_equal_signatures_and_others_have_others(self) -> None:
        bars = market(1, 300)
        plain = simcore.backtest("ma_cross", bars).signature
        assert simcore.backtest("ma_cross", bars.clone()).signature == plain
        others = [
            simcore.backtest("zero_rule", bars),
            simcore.backtest("ma_cross", market(2, 300)),
            simcore.backtest("ma_cross", bars, initial_cash=1.0),
            simcore.backtest("ma_cross", bars, bars_per_year=365.0),
            simcore.backtest("ma_cross", bars, execution={"base": "honest_v1", "fee_bps": 3}),
        ]
        assert len({plain, *(other.signature for other in others)}) == 6

    def test_a_cached_run_is_the_same_to_the_last_bit(self, tmp_path: Path) -> None:
        bars = market(3, 800)
        made = simcore.backtest("ma_cross", bars, home=tmp_path)
        found = simcore.backtest("ma_cross", bars, home=tmp_path)
        assert not made.used_cache and found.used_cache
        assert found.equity.equals(made.equity)
        assert found.trades.equals(made.trades)
        assert (found.metrics, found.flags, found.events) == (made.metrics, made.flags, made.events)
        assert found.signature == made.signature

    def test_another_request_does_not_hit(self, tmp_path: Path) -> None:
        simcore.backtest("ma_cross", market(3, 300), home=tmp_path)
        assert not simcore.backtest("ma_cross", market(4, 300), home=tmp_path).used_cache
        assert not simcore.backtest(
            "ma_cross", market(3, 300), initial_cash=5.0, home=tmp_path
        ).used_cache

    def test_a_torn_cache_file_is_made_again(self, tmp_path: Path) -> None:
        bars = market(3, 300)
        made = simcore.backtest("ma_cross", bars, home=tmp_path)
        (file,) = (tmp_path / "lake" / ".cache" / "runs").rglob("*.npz")
        whole = file.read_bytes()
        for torn in (b"", whole[: len(whole) // 2], whole[:-1], b"nonsense"):
            file.write_bytes(torn)
            again = simcore.backtest("ma_cross", bars, home=tmp_path)
            assert not again.used_cache
            assert again.equity.equals(made.equity)
        assert simcore.backtest("ma_cross", bars, home=tmp_path).used_cache

    def test_without_a_home_nothing_is_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        simcore.backtest("ma_cross", market(3, 300))
        assert list(tmp_path.iterdir()) == []


class TestRunStrategy:
    def scenario(self, paths: int = 1, seed: int = 5) -> Any:
        document = {
            "version": "0.1.0", "id": f"walk-{paths}-{seed}", "family": "trend", "timeframe": "1h",
            "duration_bars": 300, "seed": seed, "paths": paths, "volume_model": "const",
            "params": {"drift": 1.0, "sigma": 100.0},
        }  # fmt: skip
        bars, manifest = generate_with_manifest(load(document))
        return manifest, bars

    def test_its_frames_are_what_the_tables_say(self) -> None:
        strategy = simcore.compile_strategy("ma_cross")
        scenarios = [self.scenario(), self.scenario(paths=3)]
        frames = run_strategy(strategy, scenarios, "honest_v1", 10_000.0)
        for name, frame in zip(("backtests", "trades", "equity"), frames, strict=True):
            assert TABLES[name].violations(frame) == []
        backtests, trades, equity = frames
        assert backtests.height == 4
        assert equity.height == 4 * 300
        assert trades.height == backtests["n_trades"].sum()

    def test_each_path_gets_what_it_gets_alone(self) -> None:
        strategy = simcore.compile_strategy("rsi_reversion")
        manifest, bars = self.scenario(paths=3)
        backtests, trades, equity = run_strategy(strategy, [(manifest, bars)], "honest_v1", 5_000.0)
        for path in range(3):
            alone = simcore.backtest(
                strategy,
                bars.filter(pl.col("path") == path),
                initial_cash=5_000.0,
                bars_per_year=manifest["A"],
            )
            row = backtests.filter(pl.col("path") == path).to_dicts()[0]
            assert {name: row[name] for name in alone.metrics} == dict(alone.metrics)
            mine = equity.filter(pl.col("path") == path)
            assert mine["equity_quote"].to_list() == alone.equity.to_list()
            assert mine["ts"].to_list() == bars.filter(pl.col("path") == path)["ts"].to_list()
            own = trades.filter(pl.col("path") == path).select(alone.trades.columns)
            assert own.equals(alone.trades)

    def test_no_scenario_gives_no_rows(self) -> None:
        strategy = simcore.compile_strategy("ma_cross")
        for frame in run_strategy(strategy, [], "honest_v1", 10_000.0):
            assert frame.height == 0

    def test_signatures_differ_by_path(self) -> None:
        strategy = simcore.compile_strategy("ma_cross")
        backtests, *_ = run_strategy(strategy, [self.scenario(paths=3)], "honest_v1", 10_000.0)
        assert backtests["signature"].n_unique() == 3


GRID = {"fast": [5, 10, 20], "slow": [20, 40]}


class TestSweep:
    def test_rows_are_in_grid_order_with_the_first_name_slowest(self) -> None:
        frame = simcore.sweep("ma_cross", GRID, market(1, 500))
        assert frame.select("fast", "slow").rows() == list(itertools.product(*GRID.values()))
        metrics = [row["name"] for row in engine.catalogue()["metrics"] if row["in_summary"]]
        assert frame.columns == ["fast", "slow", *metrics, "sharpe_se", "refused"]

    def test_each_row_is_the_backtest_at_that_setting(self) -> None:
        bars = market(1, 500)
        strategy = simcore.compile_strategy("ma_cross")
        frame = simcore.sweep(strategy, GRID, bars)
        for row in frame.filter(pl.col("fast") < pl.col("slow")).iter_rows(named=True):
            setting = {"fast": row["fast"], "slow": row["slow"]}
            alone = simcore.backtest(bind(strategy, setting), bars)
            own = [name for name in row if name not in (*GRID, "sharpe_se", "refused")]
            assert {name: alone.metrics[name] for name in own} == {name: row[name] for name in own}

    def test_a_setting_that_breaks_a_constraint_has_no_metrics(self) -> None:
        frame = simcore.sweep("ma_cross", GRID, market(1, 500))
        illegal = frame.filter(pl.col("fast") >= pl.col("slow"))
        assert illegal.rows() == [(20, 20, *[None] * (frame.width - 3), "PARAM_CONSTRAINT")]
        assert frame.filter(pl.col("fast") < pl.col("slow"))["refused"].null_count() == 5
        assert frame.filter(pl.col("fast") < pl.col("slow"))["total_return"].null_count() == 0

    def test_a_setting_says_why_it_was_refused(self) -> None:
        grid = {"fast": [5, 40], "slow": [20, 180]}
        frame = simcore.sweep("ma_cross", grid, market(1, 100))
        assert frame["refused"].to_list() == [
            None, "WINDOW_EXCEEDS_SERIES", "PARAM_CONSTRAINT", "WINDOW_EXCEEDS_SERIES"
        ]  # fmt: skip
        metrics = frame.select(
            row["name"] for row in engine.catalogue()["metrics"] if row["in_summary"]
        )
        nulls = metrics.select(pl.all_horizontal(pl.all().is_null())).to_series()
        assert nulls.to_list() == [False, True, True, True]

    def test_bars_too_few_for_every_setting_are_refused(self) -> None:
        with pytest.raises(EngineError) as refused:
            simcore.sweep("ma_cross", {"slow": [150, 180]}, market(1, 100))
        assert refused.value.code == "WINDOW_EXCEEDS_SERIES"

    @pytest.mark.parametrize("name", ["ma_cross", "atr_breakout", "rsi_reversion"])
    def test_every_setting_alone_has_the_same_bytes(self, name: str) -> None:
        bars, strategy = market(2, 600), simcore.compile_strategy(name)
        grid = {
            param: [own.value, own.value + 1.0]
            for param, own in list(strategy.model.params.items())[:3]
        }
        metrics = [row["name"] for row in engine.catalogue()["metrics"] if row["in_summary"]]
        whole = simcore.sweep(strategy, grid, bars)
        assert whole.height == 2 ** len(grid)
        for row in whole.iter_rows(named=True):
            setting = {param: row[param] for param in grid}
            alone = simcore.sweep(strategy, {k: [v] for k, v in setting.items()}, bars)
            expected = whole.row(by_predicate=pl.all_horizontal(
                *(pl.col(k) == v for k, v in setting.items())), named=True)  # fmt: skip
            assert (
                alone.select(metrics).to_numpy().tobytes()
                == np.array(
                    [[math.nan if expected[m] is None else float(expected[m]) for m in metrics]]
                ).tobytes()
            )

    def test_the_number_of_threads_changes_no_byte(self) -> None:
        grid = {"fast": list(range(2, 22)), "slow": list(range(20, 60, 5))}
        bars = market(3, 800)
        frames = [simcore.sweep("ma_cross", grid, bars, n_threads=n) for n in (1, 2, 16)]
        assert frames[0].equals(frames[1])
        assert frames[0].equals(frames[2])

    def test_a_sharpe_ratio_bears_its_standard_error(self) -> None:
        frame = simcore.sweep("ma_cross", GRID, market(1, 500), bars_per_year=100.0)
        for sharpe, error in frame.select("sharpe", "sharpe_se").rows():
            told = None if sharpe is None else math.sqrt((100.0 + sharpe**2 / 2.0) / 500.0)
            assert error == (None if told is None else pytest.approx(told))

    def test_values_may_come_from_numpy(self) -> None:
        frame = simcore.sweep("ma_cross", {"fast": np.arange(5, 8)}, market(1, 500))
        assert frame["fast"].to_list() == [5, 6, 7]

    @pytest.mark.parametrize(
        ("grid", "reason"),
        [
            ({"fats": [5]}, "UNKNOWN_NAME"),
            ({"fast": [1000]}, "PARAM_DOMAIN"),
            ({"fast": [5.5]}, "NOT_INTEGER"),
            ({"fast": [float("nan")]}, "PARAM_DOMAIN"),
            ({"fast": []}, "GRID"),
            ({"fast": "5"}, "GRID"),
            ({"fast": ["5"]}, "WRONG_TYPE"),
            ({"fast": [True]}, "WRONG_TYPE"),
            ({}, "GRID"),
        ],
    )
    def test_a_wrong_grid_is_refused(self, grid: dict[str, Any], reason: str) -> None:
        with pytest.raises(SpecError) as refused:
            simcore.sweep("ma_cross", grid, market(1, 500))
        assert refused.value.problems[0].reason == reason

    def test_a_grid_beyond_reason_is_refused_before_work(self) -> None:
        grid = {"fast": list(range(2, 50)) * 100, "slow": list(range(10, 200)) * 100}
        with pytest.raises(LimitError):
            simcore.sweep("ma_cross", grid, market(1, 500))


def spelled(node: Any) -> str:
    return json.dumps(node, sort_keys=True)


def normal(node: dict[str, Any]) -> dict[str, Any]:
    """The node with operands of what commutes in order, and with shifts folded."""
    if "xs" in node:
        return {**node, "xs": sorted(node["xs"], key=spelled)}
    if node["op"] in ("add", "mul", "min", "max", "eq", "ne"):
        a, b = sorted((node["a"], node["b"]), key=spelled)
        return {**node, "a": a, "b": b}
    if node["op"] == "shift" and node["a"]["op"] == "shift":
        node = {**node, "a": node["a"]["a"], "k": node["k"] + node["a"]["k"]}
    if node["op"] == "shift" and node["k"] == 0.0:
        folded: dict[str, Any] = node["a"]
        return folded
    return node


def expanded(program_json: str) -> str:
    """A program with every slot written out, so that the order of instructions does not show."""
    program = json.loads(program_json, parse_int=float)
    code: list[dict[str, Any]] = []

    for stated in program["code"]:
        read: dict[str, Any] = {
            name: code[int(stated[name])] for name in ("a", "b") if name in stated
        }
        for name in {"inputs", "xs"} & set(stated):
            read[name] = [code[int(slot)] for slot in stated[name]]
        code.append(normal({**stated, **read}))
    for rule in program["rules"]:
        rule["if"] = code[int(rule["if"])]
        if "price" in rule["order"]:
            rule["order"]["price"] = code[int(rule["order"]["price"])]
    stop = program["risk"]["stop"]
    if stop and "slot" in stop:
        stop["slot"] = code[int(stop["slot"])]
    return spelled([program["schema"], program["timeframe"], program["rules"], program["risk"]])


SHIFTY = {
    "version": "0.1.0",
    "id": "shifty",
    "name": "Every place a parameter may stand",
    "timeframe": "1h",
    "params": {"n": 10, "k": 2, "x": 1.5, "fixed": 3},
    "constraints": ["k < n", "not (x == 0) and (n > 2 or k > 7)"],
    "rules": [
        {"if": "close[k] > x * ma(close[1], n * 2 + 1) and rsi(n) < 30 + x", "then": "buy"},
        {"if": "-x > close[k][fixed] / x - ma(close, n) or crossunder(close, x)", "then": "close"},
    ],
    "risk": {"sizing": {"type": "pct_equity", "value": 50}, "stop": {"type": "pct", "value": 5}},
    "metadata": {},
}


WORDY = SHIFTY | {
    "constraints": ["sqrt(x) < 100"],
    "rules": [
        {
            "if": "close > bbands(n + fixed, x).upper and macd(n, n * 2, k + 1).hist > log(x)"
            " and barssince(rsi(n) < 30) < max(x, fixed) and hour > 3 and hl2 > adx(n)",
            "then": "buy",
        },
        {
            "if": "stoch(n, 3, k + 1).d > 80 or min(exp(x), position) > shift(close, k)",
            "then": "close",
        },
    ],
}


@pytest.mark.parametrize(
    ("document", "names", "settings"),
    [
        ("ma_cross", ("fast", "slow"), [(5, 20), (10, 30), (50, 200)]),
        ("ma_cross", ("slow",), [(20,), (200,)]),
        ("atr_breakout", ("n", "reach", "anchor"), [(20, 1.0, 50), (5, 0.25, 10), (7, 3.5, 123)]),
        ("rsi_reversion", ("enter_below", "n"), [(30, 14), (5, 2)]),
        (WORDY, ("n", "k", "x"), [(10, 2, 1.5), (50, 0, 2.0), (3, 1, 0.25), (40, 30, 9.0)]),
        (SHIFTY, ("n", "k", "x"), [(10, 2, 1.5), (50, 0, 2.0), (3, 1, 0.25), (40, 30, 100.0)]),
    ],
)
def test_a_grid_puts_the_same_numbers_where_binding_does(
    document: Any, names: tuple[str, ...], settings: list[tuple[float, ...]]
) -> None:
    strategy = simcore.compile_strategy(document)
    for setting, found in zip(settings, lowered(strategy, names, settings), strict=True):
        assert found.program is not None
        bound = bind(strategy, dict(zip(names, setting, strict=True)))
        assert expanded(found.program) == expanded(bound.program_json)
        assert (found.lookback_bars, found.refused) == (bound.lookback_bars, None)


def test_a_function_without_a_value_at_a_setting_has_no_program() -> None:
    strategy = simcore.compile_strategy(WORDY)
    found = lowered(strategy, ("x",), [(-1.0,), (0.0,), (800.0,)])
    assert [each.program for each in found] == [None] * 3


@pytest.mark.parametrize(
    "setting",
    [(10, 10, 1.0), (2, 1, 1.0), (10, 2, 0.0), (3000, 2, 1.0), (10.5, 2, 1.0), (10, 2.5, 1.0)],
    ids=["constraint", "second constraint", "not", "window", "half a window", "half a bar"],
)
def test_a_setting_without_meaning_has_no_program(setting: tuple[float, ...]) -> None:
    strategy = simcore.compile_strategy(SHIFTY)
    (found,) = lowered(strategy, ("n", "k", "x"), [setting])
    assert found.program is None
    with pytest.raises(SpecError):
        bind(strategy, dict(zip(("n", "k", "x"), setting, strict=True)))
