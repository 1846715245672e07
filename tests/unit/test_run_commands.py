"""`proving backtest` and `proving sweep`: what they take, what they say, what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import simcore
from pipelines.cli import main
from simcore.cli.runs import parse_execution
from simcore.errors import SpecError
from simcore.scenario.document import load
from simcore.scenario.manifest import generate_with_manifest

GRID = ("--grid", "fast=5:15:5", "--grid", "slow=10,20,30")


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command: its exit code, and what it printed."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, "--home", str(tmp_path)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_a_sweep_gives_programs_every_setting_with_its_doubts(run: Any) -> None:
    code, out, _ = run("sweep", "ma_cross", "vol-calm", *GRID, "--json")
    rows = json.loads(out)
    assert code == 0
    assert len(rows) == 9
    refused = [(row["fast"], row["slow"]) for row in rows if row["refused"]]
    assert refused == [(10, 10), (15, 10)]
    for row in rows:
        assert (row["sharpe"] is None) == (row["sharpe_se"] is None) == bool(row["refused"])
        assert {"n_neighbours", "plateau", "is_isolated"} <= set(row)


def test_a_sweep_is_what_the_library_computes(run: Any, tmp_path: Path) -> None:
    out = tmp_path / "out" / "surface.parquet"
    overrides = "honest_v1+fee_bps=7+bar_delay=2"
    asked = ("sweep", "ma_cross", "vol-calm", *GRID, "--out", str(out), "--execution", overrides)
    assert run(*asked)[0] == 0
    bars, manifest = generate_with_manifest(load("vol-calm", home=tmp_path))
    expected = simcore.sweep(
        "ma_cross",
        {"fast": [5, 10, 15], "slow": [10, 20, 30]},
        bars,
        execution={"base": "honest_v1", "fee_bps": 7.0, "bar_delay": 2},
        bars_per_year=manifest["A"],
    )
    assert pl.read_parquet(out).select(expected.columns).equals(expected)


def test_a_sweep_tells_people_how_many_and_how_sure(run: Any) -> None:
    code, out, _ = run("sweep", "ma_cross", "vol-calm", *GRID)
    assert code == 0
    assert "9 settings over n = 720 bars, refused: 2 PARAM_CONSTRAINT" in out
    assert "sharpe_se" in out
    assert "the best of 7 settings without an edge" in out
    _, out, _ = run("sweep", "ma_cross", "vol-calm", "--grid", "fast=2:50:1")
    assert "best 5 by Sharpe ratio:" in out
    assert "worst 5:" in out


def test_a_sweep_of_refused_settings_alone_says_so(run: Any) -> None:
    code, out, _ = run("sweep", "ma_cross", "vol-calm", "--grid", "fast=40,50")
    assert code == 0
    assert "refused: 2 PARAM_CONSTRAINT" in out
    assert "no setting has a Sharpe ratio" in out


def test_a_backtest_says_how_much_money_its_edge_bears(run: Any) -> None:
    code, out, _ = run("backtest", "ma_cross", "trend-up-mid", "--capacity", "--json")
    found = json.loads(out)["capacity"]
    assert code == 0
    assert found["cash_quote"] > 10_000.0
    assert found["flags"] == []
    earned = [row["total_return"] > 0.0 for row in found["curve"]]
    assert earned[0] and not earned[-1]
    ends = [row["initial_cash"] for row in found["curve"][-2:]]
    assert ends[0] <= found["cash_quote"] <= ends[1]
    _, said, _ = run("backtest", "ma_cross", "trend-up-mid", "--capacity")
    assert f"capacity: {found['cash_quote']:.4g} quote until profits are gone" in said
    assert "n = 720 bars" in said
    _, said, _ = run("backtest", "rsi_reversion", "trend-up-mid", "--capacity")
    assert "capacity: none" in said
    assert "NO_EDGE" in said


def test_a_backtest_says_how_many_and_how_sure(run: Any) -> None:
    code, out, _ = run("backtest", "ma_cross", "vol-calm")
    assert code == 0
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert lines["n_bars"].split() == ["n_bars", "720"]
    assert lines["sharpe"].endswith("(one standard error)")
    assert "flags" in lines
    _, out, _ = run("backtest", "ma_cross", "vol-calm", "--json")
    found = json.loads(out)
    assert found["n_bars"] == 720
    assert found["sharpe_se"] > 0.0


def test_a_backtest_without_a_sharpe_ratio_has_no_error_of_it(run: Any) -> None:
    code, out, _ = run("backtest", "zero_rule", "vol-calm", "--twins", "--cost-edge", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["random_entry"]["flags"] == ["NO_TRADES"]
    assert found["break_even"]["extra_bps"] is None
    code, out, _ = run("backtest", "zero_rule", "vol-calm", "--twins", "--cost-edge")
    assert "random entry: no percentile (NO_TRADES)" in out
    assert "break-even: no trades" in out


def test_a_backtest_is_examined_where_that_is_asked_for(run: Any) -> None:
    asked = ("backtest", "ma_cross", "vol-calm", "--twins", "50", "--cost-edge")
    code, out, _ = run(*asked)
    assert code == 0
    assert "of 50 twins, p = " in out
    assert " bps one way on top of " in out
    _, out, _ = run(*asked, "--json")
    found = json.loads(out)
    assert len(found["random_entry"]["twin_scores"]) == 50
    assert [row["bar_delay"] for row in found["delay_decay"]] == [1, 2, 3, 4, 5]


def test_one_path_of_several_is_run_by_its_number(run: Any, tmp_path: Path) -> None:
    text = json.dumps(
        {
            "version": "0.1.0", "id": "three", "family": "trend", "timeframe": "1h", "seed": 1,
            "duration_bars": 300, "paths": 3, "params": {"drift": 0.0, "sigma": 50.0},
            "volume_model": "const",
        }
    )  # fmt: skip
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "three.json").write_text(text)
    code, out, _ = run("backtest", "ma_cross", "three", "--path", "2", "--json")
    bars, manifest = generate_with_manifest(load("three", home=tmp_path))
    alone = simcore.backtest(
        "ma_cross", bars.filter(pl.col("path") == 2), bars_per_year=manifest["A"]
    )
    assert code == 0
    assert json.loads(out)["metrics"]["total_return"] == alone.metrics["total_return"]
    code, _, said = run("backtest", "ma_cross", "three", "--path", "3")
    assert code == 2
    assert "--path: got path 3, expected 0 to 2" in said
    code, _, said = run("sweep", "ma_cross", "three", *GRID)
    assert code == 2
    assert "path" in said


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        (["--grid", "fast=5:50"], "--grid"),
        (["--grid", "fast=5:50:0"], "--grid"),
        (["--grid", "fast=50:5:5"], "--grid"),
        (["--grid", "fast=5,5"], "--grid"),
        (["--grid", "fats=5"], "/params/fats"),
        (["--grid", "fast=500"], "/params/fast"),
        ([*GRID, "--execution", "kind_v1"], "/execution"),
        ([*GRID, "--execution", "honest_v1+fee_bps"], "--execution"),
        ([*GRID, "--execution", "honest_v1+fee_bps=-1"], "/execution/fee_bps"),
        ([*GRID, "--execution", "honest_v1+fee_bsp=1"], "/execution/fee_bsp"),
        ([*GRID, "--cash", "0"], "/initial_cash"),
        ([*GRID, "--path", "1"], "--path"),
    ],
)
def test_what_is_wrong_is_refused_at_its_place(run: Any, arguments: list[str], place: str) -> None:
    code, out, said = run("sweep", "ma_cross", "vol-calm", *arguments)
    assert (code, out) == (2, "")
    assert place in said
    code, out, _ = run("sweep", "ma_cross", "vol-calm", *arguments, "--json")
    (problem, *_) = json.loads(out)["error"]["problems"]
    assert code == 2
    assert problem["code"]


def test_an_execution_is_read_with_its_overrides() -> None:
    assert parse_execution("honest_v1") == "honest_v1"
    assert parse_execution("honest_v1+fee_bps=2.5+bar_delay=3+finalize=mark") == {
        "base": "honest_v1", "fee_bps": 2.5, "bar_delay": 3, "finalize": "mark",
    }  # fmt: skip
    for text in ("honest_v1+", "honest_v1+=3", "honest_v1+lot=", "honest_v1+lot=1+lot=2",
                 "honest_v1+base=spec_v0"):  # fmt: skip
        with pytest.raises(SpecError):
            parse_execution(text)
