"""Markets drawn from a user's own bars: how long their blocks are, and that they are those bars."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import history
import numpy as np
import polars as pl
import pytest
from arch.bootstrap import optimal_block_length
from history import HEADER, bootstrap, sp500
from numpy.typing import NDArray
from scipy import stats

import simcore
from simcore import engine
from simcore.scenario.document import effective, for_campaign, load

Floats = NDArray[np.float64]


def history_of(path: Path) -> dict[str, Any]:
    known: dict[str, Any] = load(bootstrap(path, 200)).source.columns  # type: ignore[union-attr]
    return known


def log_returns(close: Floats) -> Floats:
    return np.diff(np.log(close), axis=-1)


def quality(scenario: dict[str, Any]) -> dict[str, Any]:
    known: dict[str, Any] = json.loads(simcore.scenario_manifest(scenario)["quality"])
    return known


def written(path: Path, close: Floats, **columns: Any) -> Path:
    days = np.arange(close.size) + np.datetime64("1990-01-01")
    prices = dict.fromkeys(("Open", "High", "Low", "Close"), close)
    frame = pl.DataFrame({"Date": days, **prices, "Volume": np.ones(close.size), **columns})
    frame.write_parquet(path)
    return path


def garch(n: int, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    r, h = np.empty(n), 1.0
    for t in range(n):
        r[t] = np.sqrt(h) * rng.standard_normal()
        h = 0.05 + 0.15 * r[t] ** 2 + 0.8 * h
    return np.asarray(100.0 * np.exp(np.cumsum(0.01 * r)))


class TestAutomaticBlocks:
    @pytest.mark.parametrize(("scheme", "column"), [("stationary", 0), ("circular", 1)])
    @pytest.mark.parametrize("n", [50, 97, 1000, 4321])
    def test_are_those_of_politis_and_white(
        self, tmp_path: Path, n: int, scheme: str, column: int
    ) -> None:
        for seed in range(4):
            close = garch(n, seed)
            path = written(tmp_path / "bars.parquet", close)
            expected = float(optimal_block_length(log_returns(close) ** 2).iloc[0, column])
            found = quality(bootstrap(path, 200, scheme=scheme))
            assert found["optimal_block_bars"] == pytest.approx(max(expected, 1.0), rel=1e-9)
            assert found["block_bars"] == max(5, np.ceil(expected))

    def test_of_twenty_years_of_an_index_are_those_too(self) -> None:
        returns = log_returns(history_of(sp500())["close"])
        expected = optimal_block_length(returns**2).iloc[0, 0]
        found = quality(bootstrap(sp500(), 200))["optimal_block_bars"]
        assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("scheme", ["stationary", "circular", "moving"])
def test_its_laws_hold_on_four_hundred_thousand_bars(scheme: str) -> None:
    scenario = load(bootstrap(sp500(), 4000, 100, scheme=scheme, block=20))
    assert scenario.source is not None
    source = scenario.source.columns
    known = engine.scenario_laws(effective(scenario), source)
    made = engine.generate(effective(scenario), source).columns
    r = log_returns(made["close"].reshape(100, 4000))
    given = log_returns(source["close"])
    seen = set()
    for law in known["laws"]:
        seen.add(law["statistic"])
        match law["statistic"]:
            case "ks_to_source":
                assert stats.ks_2samp(r[:, ::97].ravel(), given).pvalue > law["low"]
            case "acf_to_source":
                lag = int(law["arguments"][0])
                each = np.array([acf(path, lag) for path in r]) - circular_acf(given, lag)
                # 1/n: a mean taken from the path itself.
                slack = 1 / 4000 + law.get("distance", 4 * each.std(ddof=1) / 10)
                assert abs(each.mean() - law["expected"]) < slack, lag
            case "mean" | "variance" as name:
                each = getattr(np, {"mean": "mean", "variance": "var"}[name])(r, axis=1)
                assert abs(each.mean() - law["expected"]) < 4 * each.std(ddof=1) / 10
            case "bars_from_source":
                assert share_from_source(made, source) == law["low"] == law["high"]
    both = {"ks_to_source", "acf_to_source", "bars_from_source"}
    assert seen == (both if scheme == "moving" else {*both, "mean", "variance"})


def acf(r: Floats, lag: int) -> float:
    e = r - r.mean()
    return float(e[:-lag] @ e[lag:] / (e @ e))


def circular_acf(r: Floats, lag: int) -> float:
    e = r - r.mean()
    return float(e @ np.roll(e, -lag) / (e @ e))


def share_from_source(made: dict[str, Any], source: dict[str, Any]) -> float:
    """Return the share of bars with the proportions of a bar of the source, volume included."""

    def rows(columns: dict[str, Any]) -> Floats:
        body = columns["open"][1:]
        parts = [columns[name][1:] / body for name in ("high", "low", "close")]
        gap = body / columns["close"][:-1]
        return np.column_stack(
            [np.round(np.stack([*parts, gap], axis=1), 9), columns["volume"][1:]]
        )

    inner = np.arange(made["close"].size - 1) % 4000 != 3999
    known = {row.tobytes() for row in rows(source)}
    return float(np.mean([row.tobytes() in known for row in rows(made)[inner]]))


def test_a_market_without_memory_breaks_the_laws_of_an_index() -> None:
    drawn = load(bootstrap(sp500(), 4000, 10))
    assert drawn.source is not None
    given = drawn.source.columns
    deviation = log_returns(given["close"]).std() * 1e4
    trend = simcore.generate(
        {
            "version": "0.1.0", "id": "wrong", "family": "trend", "timeframe": "1d", "seed": 1,
            "duration_bars": 4000, "paths": 10, "volume_model": "const",
            "params": {"drift": 0.0, "sigma": float(deviation)},
        }
    )  # fmt: skip
    wrong = {name: trend[name].to_numpy() for name in ("open", "high", "low", "close", "volume")}
    r = log_returns(wrong["close"].reshape(10, 4000))
    assert stats.ks_2samp(r[:, ::97].ravel(), log_returns(given["close"])).pvalue < 1e-3
    assert share_from_source(wrong, given) == 0.0


class TestLength:
    def test_is_its_own_and_not_the_files(self) -> None:
        assert simcore.generate(bootstrap(sp500(), 150, 3)).height == 450

    def test_is_given_by_the_days_of_a_campaign(self) -> None:
        scenario = for_campaign(load(bootstrap(sp500(), 200)), 365)
        assert effective(scenario)["duration_bars"] == 365

    def test_must_be_stated(self) -> None:
        bare = bootstrap(sp500(), 200)
        del bare["duration_bars"]
        problems = history.refused(bare)
        assert [(each.reason, each.path) for each in problems] == [
            ("MISSING_FIELD", "/duration_bars")
        ]


class TestAssets:
    @pytest.fixture
    def two(self, tmp_path: Path) -> Path:
        days = np.arange(300) + np.datetime64("1990-01-01")
        parts = []
        for name, seed, kept in (("UP", 1, slice(0, 290)), ("DOWN", 2, slice(10, 300))):
            close = garch(300, seed)[kept]
            prices = dict.fromkeys(("Open", "High", "Low", "Close"), close)
            volume = np.arange(300.0)[kept]
            parts.append(
                pl.DataFrame({"Date": days[kept], **prices, "Volume": volume}).with_columns(
                    symbol=pl.lit(name)
                )
            )
        # Rows come as a file of all markets has them: by day.
        pl.concat(parts).sort("Date", "symbol").write_parquet(tmp_path / "two.parquet")
        return tmp_path / "two.parquet"

    def scenario(self, path: Path, *assets: str, **columns: str) -> dict[str, Any]:
        whole = bootstrap(path, 500)
        whole["params"]["source"]["columns"] = {**history.COLUMNS, "asset": "symbol", **columns}
        return {**whole, "assets": list(assets)}

    def test_share_their_blocks_and_only_the_days_that_both_have(self, two: Path) -> None:
        bars = simcore.generate(self.scenario(two, "UP", "DOWN"))
        up, down = (bars.filter(pl.col("asset") == asset)["volume"] for asset in (0, 1))
        assert up.to_list() == down.to_list()
        # The first of the days they share has none before it.
        assert up.min() >= 11.0
        assert up.max() <= 289.0
        assert quality(self.scenario(two, "UP", "DOWN"))["unaligned_bars"] == 20

    def test_that_the_document_does_not_name_are_left_out(self, two: Path) -> None:
        alone = simcore.generate(self.scenario(two, "DOWN"))
        assert alone["volume"].max() > 289.0
        replayed = {**self.scenario(two, "UP"), "family": "replay"}
        del replayed["duration_bars"]
        assert simcore.generate(replayed)["volume"].to_list() == list(np.arange(290.0))

    def test_without_times_in_common_are_refused(self, tmp_path: Path) -> None:
        rows = [f"2020-01-0{day},1,1,1,1,1,{'AB'[day // 3]}" for day in range(1, 5)]
        (tmp_path / "apart.csv").write_text("\n".join([f"{HEADER},symbol", *rows, ""]))
        problem = history.refused(self.scenario(tmp_path / "apart.csv", "A", "B"))[0]
        assert problem.reason == "OUT_OF_RANGE"
        assert "got 0 times that all assets have, expected 2 or more" in problem.message

    def test_that_the_file_does_not_tell_are_refused(self, two: Path) -> None:
        problem = history.refused(self.scenario(two, "UP", "SIDEWAYS"))[0]
        assert (problem.reason, problem.path) == (
            "ASSET_MISSING",
            "/params/source/columns/asset",
        )
        assert "too few rows of SIDEWAYS" in problem.message
        unnamed = {**bootstrap(two, 500), "assets": ["UP", "DOWN"]}
        assert history.refused(unnamed)[0].reason == "MISSING_FIELD"

    def test_are_checked_one_by_one_with_the_rows_of_the_file(self, tmp_path: Path) -> None:
        rows = ["2020-01-01,1,1,1,1,1,B", "2020-01-01,1,1,1,1,1,B", "2020-01-02,1,1,1,0,1,B"]
        rows += ["2020-01-01,1,1,1,1,1,A", "2020-01-02,1,1,1,1,1,A"]
        (tmp_path / "two.csv").write_text("\n".join([f"{HEADER},symbol", *rows, ""]))
        problems = history.refused(self.scenario(tmp_path / "two.csv", "A", "B"))
        assert [(each.reason, each.message.split("row ")[1][0]) for each in problems] == [
            ("DUPLICATE_TS", "2"),
            ("PRICE_NOT_POSITIVE", "3"),
            ("LOW_ABOVE_BODY", "3"),
        ]


def test_the_real_path_is_a_labelled_member() -> None:
    source = history_of(sp500())
    scenario = {**bootstrap(sp500(), 1000, 3, real_path="first"), "p0": float(source["close"][0])}
    bars = simcore.generate(scenario)
    assert quality(scenario)["real_path"] == 0
    real = bars.filter(pl.col("path") == 0)
    assert real["close"].to_list() == source["close"][1:1001].tolist()
    others = simcore.generate({**bootstrap(sp500(), 1000, 3), "p0": scenario["p0"]})
    drawn = pl.col("path") > 0
    assert bars.filter(drawn).equals(others.filter(drawn))
