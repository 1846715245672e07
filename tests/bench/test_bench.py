"""The benchmark itself: its cases do the work they claim, its table has every figure."""

from __future__ import annotations

import pytest

import simcore
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

FIGURES = {
    name: {
        "seconds": 1.0 + index, "peak_mib": 9.0, "over_idle_mib": 8.0, "again_seconds": 7.0,
        "n_trades": 8.0, "backtesting": 0.0, "vectorbt_numba": 0.0, "vectorbt_rust": 0.0,
        "import_simcore": 6.0, "python": 5.0, "import_vectorbt": 4.0, "proving_help": 3.0,
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
