"""What a careless or hostile caller hands to the functions of a backtest is refused with a code."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import simcore
from pipelines.cli import main
from simcore.backtests.cost_edge import capacity
from simcore.backtests.cross_validation import Combinations, overfitting, path_sharpes
from simcore.backtests.monte_carlo import resampled
from simcore.backtests.random_entry import random_entry
from simcore.backtests.surface import parameter_surface
from simcore.backtests.trials import TrialLedger
from simcore.cli.answer import write
from simcore.cli.runs import parse_grid
from simcore.errors import EngineError, LimitError, SpecError
from simcore.scoring.significance import SharpeSample, min_btl, psr, sharpe_sample
from simcore.store import Store

RETURNS = np.random.default_rng(7).normal(0.0, 0.01, 200)
MATRIX = np.random.default_rng(8).normal(0.0, 0.01, (300, 12))
BARS = simcore.generate("vol-calm")


def made() -> Any:
    return resampled(RETURNS, bars_per_year=252.0, n_paths=50)


def monte_carlo(**changed: Any) -> pl.DataFrame:
    return simcore.monte_carlo(RETURNS, bars_per_year=252.0, n_paths=50, **changed)


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "cash that is a word": (
        lambda: simcore.backtest("ma_cross", BARS, initial_cash="5"),  # type: ignore[arg-type]
        "/initial_cash",
    ),
    "cash that is true": (
        lambda: simcore.sweep("ma_cross", {"fast": [5]}, BARS, initial_cash=True),
        "/initial_cash",
    ),
    "seed below zero": (lambda: monte_carlo(seed=-1), "/seed"),
    "seed too large": (lambda: monte_carlo(seed=2**53), "/seed"),
    "seed that is no whole number": (lambda: monte_carlo(seed=1.5), "/seed"),
    "probability of no metric": (lambda: made().probability("foo", 0.0), "/metric"),
    "probability below nothing": (lambda: made().probability("cagr", math.nan), "/below"),
    "certainty": (lambda: made().sharpe_lower(0.0, "bca"), "/alpha"),
    "more than certainty": (lambda: made().sharpe_lower(-1.0), "/alpha"),
    "another bound": (lambda: made().sharpe_lower(0.05, "student"), "/kind"),
    "returns that are words": (lambda: simcore.metrics(["a"], bars_per_year=1.0), "/returns"),  # type: ignore[list-item]
    "returns that are a matrix": (
        lambda: simcore.metrics(MATRIX, bars_per_year=252.0),
        "/returns",
    ),
    "no year": (
        lambda: simcore.metrics(RETURNS, bars_per_year=None),  # type: ignore[arg-type]
        "/bars_per_year",
    ),
    "half a group": (lambda: Combinations(300, groups=2.5), "/groups"),  # type: ignore[arg-type]
    "a year of nothing": (
        lambda: path_sharpes(MATRIX, Combinations(300), bars_per_year=math.nan),
        "/bars_per_year",
    ),
    "a number of blocks that is none": (
        lambda: overfitting(MATRIX, blocks=[8.0]),  # type: ignore[list-item]
        "/blocks",
    ),
    "a metric that twins lack": (
        lambda: random_entry("ma_cross", BARS, metric="cagr", n_twins=1),
        "/metric",
    ),
    "returns that are none": (lambda: sharpe_sample([0.1, math.nan]), "/returns"),
    "a benchmark that is none": (lambda: psr(SharpeSample(0.1, 50), math.nan), "/benchmark_sharpe"),
    "trials without end": (lambda: min_btl(10**400, 1.0), "/n_trials"),
    "a mark that would wrap": (
        lambda: simcore.backtest("ma_cross", BARS.with_columns(flags=pl.lit(258))),
        "/flags",
    ),
    "a mark below zero": (
        lambda: simcore.backtest("ma_cross", BARS.with_columns(flags=pl.lit(-1))),
        "/flags",
    ),
    "an order of extremes that would wrap": (
        lambda: simcore.backtest("ma_cross", BARS.with_columns(hl_order=pl.lit(257))),
        "/hl_order",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_senseless_argument_is_refused_with_its_place(case: str) -> None:
    call, path = REFUSED[case]
    with pytest.raises(SpecError) as caught:
        call()
    assert [each.path for each in caught.value.problems] == [path]


def test_an_endless_grid_is_refused_before_it_is_made() -> None:
    with pytest.raises(LimitError) as caught:
        parse_grid(["fast=1:1e300:1e-300"])
    assert caught.value.code == "TOO_LARGE"


@pytest.mark.parametrize("n_threads", [-1, 0, 1_025, True])
def test_threads_that_no_machine_has_are_refused(n_threads: int) -> None:
    for call in (
        lambda: simcore.sweep("ma_cross", {"fast": [5]}, BARS, n_threads=n_threads),
        lambda: random_entry("ma_cross", BARS, n_twins=1, n_threads=n_threads),
        lambda: resampled(RETURNS, bars_per_year=252.0, n_paths=1, n_threads=n_threads),
    ):
        with pytest.raises(EngineError) as caught:
            call()
        assert caught.value.code == "FIELD_INVALID"


def test_a_file_that_cannot_be_written_is_refused_by_name() -> None:
    with pytest.raises(SpecError) as caught:
        write(BARS, Path("/dev/fd/none.parquet"))
    assert caught.value.problems[0].reason == "FILE_UNWRITABLE"


def test_what_never_happened_on_any_path_is_not_certain_never_to_happen() -> None:
    share, error = made().probability("max_drawdown", -0.99)
    assert share == 0.0
    assert 0.0 < error < 0.05


def test_one_path_alone_states_no_error() -> None:
    row = simcore.monte_carlo(RETURNS, bars_per_year=252.0, n_paths=1).row(0, named=True)
    assert row["p5"] is not None
    assert row["mcse_p5"] is None


def test_capacity_of_a_single_bar_is_null_and_not_nan() -> None:
    curve = capacity("buy_and_hold", BARS.head(1)).curve
    assert curve["sharpe"].to_list() == [None]
    assert curve["sharpe_se"].to_list() == [None]


def counted(home: Path) -> list[int]:
    return [each.k for each in TrialLedger(Store(home / "lake")).census().values()]


def test_a_sweep_on_the_command_line_counts_its_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["sweep", "ma_cross", "vol-calm", "--grid", "fast=5,6,7", "--home", str(tmp_path)]
    assert main([*asked, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 3
    assert counted(tmp_path) == [3]


def test_a_surface_around_a_setting_counts_its_neighbours(tmp_path: Path) -> None:
    found = parameter_surface("ma_cross", BARS, names=["fast"], home=tmp_path)
    assert counted(tmp_path) == [found.n_settings]
