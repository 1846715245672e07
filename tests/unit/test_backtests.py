"""What a backtest is asked and what it answers: requests, runs, the cache, tables."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from market import flat_market, market

import simcore
from simcore import engine
from simcore.backtests.request import (
    execution_fields,
    execution_name,
    signature,
)
from simcore.backtests.run import run_strategy
from simcore.bars import columns, columns_by_path, dataset_hash
from simcore.errors import EngineError, SpecError
from simcore.scenario.document import load
from simcore.scenario.manifest import generate_with_manifest
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
            ({"base": "honest_v1", "impact": "linear"}, [("BAD_ENUM", "/execution/impact")]),
            ({"base": "honest_v1", "fee_bps": 1e9}, [("OUT_OF_RANGE", "/execution/fee_bps")]),
            (
                {"base": "honest_v1", "impact": "a", "fee_bps": 1e9, "lot": -1, "intrabar": "b"},
                [
                    ("OUT_OF_RANGE", "/execution/lot"),
                    ("OUT_OF_RANGE", "/execution/fee_bps"),
                    ("BAD_ENUM", "/execution/impact"),
                    ("BAD_ENUM", "/execution/intrabar"),
                ],
            ),
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

    def test_a_run_that_nobody_holds_is_freed_at_once(self) -> None:
        result = simcore.backtest("ma_cross", market(1, 600))
        assert result.metrics["sharpe"] is not None and result.metrics["beta"] is not None
        assert result.trades.height > 0 and result.equity.len() == 600 and result.flags is not None
        held = weakref.ref(result)
        gc.disable()
        try:
            del result
            assert held() is None
        finally:
            gc.enable()

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

    def test_a_ruin_to_the_last_cent_leaves_no_return_without_a_number(self) -> None:
        risk = {"sizing": {"type": "fixed_qty", "qty": 1.0}, "allow_short": True,
                "max_daily_loss_pct": 100, "max_holding_bars": 50}  # fmt: skip
        short = {"version": "0.1.0", "id": "short", "name": "Short", "timeframe": "1h",
                 "params": {}, "rules": [{"if": "close > 0", "then": "sell"}], "risk": risk,
                 "metadata": {}}  # fmt: skip
        free = {"base": "honest_v1", "base_bps": 0.0, "k_vol": 0.0, "fee_bps": 0.0}
        price = pl.lit(np.array([100.0, 100.0, 100.0, 200.0, 200.0, 150.0]))
        bars = flat_market(6).with_columns(
            *(price.alias(name) for name in ("open", "high", "low", "close"))
        )
        result = simcore.backtest(short, bars, execution=free, initial_cash=100.0)
        assert result.equity.to_list() == [100.0, 100.0, 100.0, 0.0, 0.0, 0.0]
        assert result.returns.tolist() == [0.0, 0.0, 0.0, -1.0, 0.0, 0.0]

    def test_interest_alone_has_no_sharpe_ratio_but_a_flag(self) -> None:
        rich = {"base": "honest_v1", "cash_rate_year": 500.0}
        result = simcore.backtest("zero_rule", flat_market(600), execution=rich)
        assert (result.metrics["total_return"] or 0.0) > 0.0
        for name in ("sharpe", "sharpe_lo", "psr", "skew"):
            assert result.metrics[name] is None, name
        assert "ZERO_DISPERSION" in result.flags

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

    def test_a_file_without_the_parts_of_a_run_is_made_again(self, tmp_path: Path) -> None:
        bars = market(3, 300)
        made = simcore.backtest("ma_cross", bars, home=tmp_path)
        (file,) = (tmp_path / "lake" / ".cache" / "runs").rglob("*.npz")
        for scalars in (b'{"flags": 0}', b"[1]"):
            np.savez(file, scalars=np.frombuffer(scalars, dtype=np.uint8))
            again = simcore.backtest("ma_cross", bars, home=tmp_path)
            assert not again.used_cache
            assert again.metrics == made.metrics

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
