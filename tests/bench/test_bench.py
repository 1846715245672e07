"""The benchmark itself: its cases do the work they claim, its table has every figure."""

from __future__ import annotations

from pathlib import Path

import pytest

import simcore
from simcore.documents import found, taken
from simcore.strategy.strategy import compile_strategy
from simcore.tournaments.play import tournament
from tests.bench.__main__ import rows
from tests.bench.cases import (
    CASES,
    COSTS,
    CROSS,
    FAST,
    GARCH_YEAR,
    SLOW,
    TREND_YEAR,
    YEAR_BARS,
    ours_single,
)
from tests.bench.tournament import N_BARS, N_ENTRIES, N_MARKETS, written_home

FIGURES = {
    name: {
        "seconds": 1.0 + index, "peak_mib": 9.0, "over_idle_mib": 8.0, "again_seconds": 7.0,
        "n_trades": 8.0, "backtesting": 0.0, "vectorbt_numba": 0.0, "vectorbt_rust": 0.0,
        "import_simcore": 6.0, "python": 5.0, "import_vectorbt": 4.0, "proving_help": 3.0,
        "games": 990_000.0,
    }
    for index, name in enumerate(CASES)
}  # fmt: skip


def test_the_table_has_a_row_for_each_figure_that_is_asked_for() -> None:
    asked = [
        "F1",
        "F2",
        "F3",
        "F3",
        "F3",
        "F4",
        "F5",
        "F6",
        "F7",
        "F7",
        "F8",
        "F10",
        "F10",
        "F11",
        "F.4",
        "C.8",
    ]
    assert [row[0] for row in rows(FIGURES)] == asked


def test_a_ratio_is_the_peers_time_over_ours_in_the_same_run() -> None:
    figures = {name: dict(each) for name, each in FIGURES.items()}
    figures["ours_year"]["seconds"] = 0.01
    figures["vectorbt_numba_year"]["seconds"] = 0.4
    figures["vectorbt_rust_year"]["seconds"] = 0.2
    figures["numba_year"]["seconds"] = 0.005
    figures["backtesting_year"]["seconds"] = 5.0
    beside = rows(figures)[0][3]
    assert beside.startswith("vectorbt 20.0x our time (numba 400 ms, rust 200 ms)")
    assert beside.endswith("backtesting.py 500x; ours 2.00x numba's")


def test_a_case_that_failed_leaves_a_hole_and_no_number() -> None:
    figures = {name: dict(each) for name, each in FIGURES.items()}
    figures["ours_risk_year"] = {}
    row = next(row for row in rows(figures) if row[0] == "F4")
    assert row[2] == "nan ms (nan ns/bar)"
    assert not any("nan" in cell for other in rows(figures) if other != row for cell in other[2:4])


@pytest.mark.parametrize("has_trades", [False, True])
def test_a_measured_backtest_is_one_that_trades(has_trades: bool) -> None:
    figures = ours_single(1_000, has_trades=has_trades)
    assert figures["seconds"] > 0.0
    bars = simcore.generate("vol-calm")
    strategy = simcore.compile_strategy(CROSS.replace('"1m"', '"1h"'))
    assert simcore.backtest(strategy, bars, execution=COSTS).metrics["n_trades"] > 5


def test_the_sweep_has_a_thousand_settings_that_all_mean_something() -> None:
    assert len(FAST) * len(SLOW) == 1_000
    assert max(FAST) < min(SLOW)


def test_the_measured_markets_are_a_year_of_bars_with_extremes() -> None:
    for document in (TREND_YEAR, GARCH_YEAR):
        assert document["duration_bars"] == YEAR_BARS
        bars = simcore.generate({**document, "duration_bars": 1_000})
        assert (bars["high"] > bars["close"]).sum() > 900
        assert bars["volume"].n_unique() == 1_000


def test_the_measured_tournament_is_of_the_promised_size_and_of_different_programs(
    tmp_path: Path,
) -> None:
    assert (N_ENTRIES, N_MARKETS, N_BARS) == (100, 200, 1_000)
    written_home(tmp_path)
    entries = [each for each in found("strategies", tmp_path) if each[-3] == "-"]
    assert len(entries) == N_ENTRIES and not taken("scenarios", tmp_path)
    hashes = {compile_strategy(each, home=tmp_path).ir_hash for each in entries}
    assert len(hashes) == N_ENTRIES


def test_the_measured_tournament_plays_every_pair_on_every_market(tmp_path: Path) -> None:
    played = tournament(written_home(tmp_path, n_entries=5, n_markets=4), home=tmp_path)
    assert played.games.height == 4 * 5 * 4 / 2
    assert played.standings["n_trades"].sum() > 100
    assert played.games["scenario_id"].n_unique() == 4
    assert played.standings["flags"].str.contains("ONE_PER_FAMILY").all()
