"""Pictures of how far a strategy's numbers hold: what stands on them, and what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from assets import validity_plots
from simcore.scoring.significance import expected_maximum
from simcore.store import Partition, Provenance, Store
from simcore.tables import TABLES

PLACE = Partition(campaign="c0-tiny", strategy="ma_cross")
OWN = "a" * 64


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are made pictures of."""
    drawn: list[Figure] = []
    encoded = validity_plots.encoded
    monkeypatch.setattr(validity_plots, "encoded", lambda one: drawn.append(one) or encoded(one))
    return drawn


def lake_of(root: Path, name: str, rows: Sequence[dict[str, Any]]) -> Store:
    """A lake with some rows of a table; what they leave out is null, nothing or empty."""
    table = TABLES[name]
    frame = pl.DataFrame(list(rows), infer_schema_length=None)
    for column in table.columns:
        if column.name not in frame.columns:
            blank = None if column.nullable else "" if column.dtype == "str" else 0
            frame = frame.with_columns(pl.lit(blank).alias(column.name))
    store = Store(root)
    written = table.conform(frame) if rows else table.empty()
    store.write(table, PLACE, written, Provenance({"strategies/ma_cross": OWN}, None, "test"))
    return store


def ticks(axes: Axes) -> list[str]:
    return [tick.get_text() for tick in axes.get_yticklabels()]


def bars(axes: Axes) -> list[list[float]]:
    """The ends of the intervals that are drawn, from the lowest line to the highest."""
    drawn = [each for each in axes.collections if isinstance(each, LineCollection)]
    segments = np.concatenate([np.array(each.get_segments()) for each in drawn if each.get_paths()])
    return sorted((segment[:, 0].tolist() for segment in segments), key=lambda ends: ends)


def fold(number: int, chosen: float | None, judged: float | None) -> list[dict[str, Any]]:
    key = {"scenario_id": "calm", "strategy_id": "ma_cross", "fold": number}
    return [key | {"segment": "is", "sharpe": chosen}, key | {"segment": "oos", "sharpe": judged}]


def test_every_fold_is_a_dot_where_both_its_sides_are_known(
    tmp_path: Path, figures: list[Figure]
) -> None:
    rows = [*fold(0, 3.0, 1.0), *fold(1, 5.0, -2.0), *fold(2, 4.0, None)]
    assert validity_plots.folds(lake_of(tmp_path, "walk_forward", rows), PLACE) is not None
    (axes,) = figures[0].axes
    assert axes.collections[0].get_offsets().tolist() == [[3.0, 1.0], [5.0, -2.0]]
    said = "n = 2 folds; median 4.00 where chosen, -0.50 where judged"
    assert axes.get_title(loc="left") == said


def trial(history: str, program: str, sharpe: float | None) -> dict[str, Any]:
    return {"lineage": history, "ir_hash": program, "execution_hash": "e", "sharpe_bar": sharpe}


def test_trials_stand_by_history_beside_the_best_that_luck_gives(
    tmp_path: Path, figures: list[Figure]
) -> None:
    rows = [
        trial("h1" * 8, OWN, 0.1), trial("h1" * 8, "b", 0.3), trial("h1" * 8, "c", None),
        trial("h2" * 8, OWN, 0.2),
    ]  # fmt: skip
    assert validity_plots.tries(lake_of(tmp_path, "trials", rows), PLACE) is not None
    (axes,) = figures[0].axes
    assert ticks(axes) == ["h1h1h1h1", "h2h2h2h2"]
    every, own, alone, alone_own = (each.get_offsets().tolist() for each in axes.collections)
    assert every == [[0.1, 0.0], [0.3, 0.0]]
    assert own == [[0.1, 0.0]]
    assert alone == alone_own == [[0.2, 1.0]]
    (luck,) = (line for line in axes.lines if line.get_label() == "best of so many\nby luck alone")
    expected = np.std([0.1, 0.3], ddof=1) * expected_maximum(2)
    assert np.asarray(luck.get_xdata()).tolist() == pytest.approx([expected])
    assert axes.get_title(loc="left") == "n = 4 trials on 2 histories"


def test_histories_that_are_not_drawn_are_counted(tmp_path: Path, figures: list[Figure]) -> None:
    rows = [trial(f"{number:02d}" * 8, OWN, 0.1) for number in range(20)]
    assert validity_plots.tries(lake_of(tmp_path, "trials", rows), PLACE) is not None
    said = figures[0].axes[0].get_title(loc="left")
    assert said == "n = 20 trials on 20 histories, 16 of them drawn"


def test_regimes_have_their_intervals_and_the_worst_a_colour(
    tmp_path: Path, figures: list[Figure]
) -> None:
    rows = [
        {"axis": "all", "regime": "all", "n_paths": 6, "score_mean": 10.0, "score_ci_lo": 5.0,
         "score_ci_hi": 15.0, "is_worst": False},
        {"axis": "family", "regime": "trend", "n_paths": 2, "score_mean": -20.0,
         "score_ci_lo": -500.0, "score_ci_hi": 460.0, "is_worst": True},
        {"axis": "trend", "regime": "low", "n_paths": 1, "score_mean": 30.0, "score_ci_lo": None,
         "score_ci_hi": None, "is_worst": False},
    ]  # fmt: skip
    lake = lake_of(tmp_path, "regimes", [{"score": "composite_v1"} | row for row in rows])
    assert validity_plots.weathers(lake, PLACE) is not None
    (axes,) = figures[0].axes
    assert ticks(axes) == ["trend low, n = 1", "family trend, n = 2", "all, n = 6"]
    assert bars(axes) == [[-500.0, 460.0], [5.0, 15.0], [30.0, 30.0]]
    points = [line for line in axes.lines if line.get_marker() == "o"]
    worst = [line for line in points if line.get_color() == validity_plots._WORST]
    assert [np.asarray(line.get_xdata()).tolist() for line in worst] == [[-20.0]]
    left, right = axes.get_xlim()
    assert (-100.0 < left < -20.0, 30.0 < right < 100.0) == (True, True)


def number(section: str, name: str, unit: str, estimate: float, *ends: float) -> dict[str, Any]:
    low, high = ends or (None, None)
    return {"section": section, "name": name, "unit": unit, "estimate": estimate, "lo": low,
            "hi": high, "is_exact": False, "item": ""}  # fmt: skip


CARD = [
    number("runs", "sharpe", "1/sqrt(year)", 2.0, -2.0, 6.0),
    number("runs", "turnover", "1/year", 60.0, 40.0, 80.0),
    number("runs", "ambiguity_gap", "percent", 0.0, 0.0, 0.0),
    number("regimes", "score", "points", 9.0, 8.0, 10.0),
    number("runs", "trades", "trades", 12.0),
]
CHANCES = [
    {**number("runs", "psr", "probability", chance), "item": f"calm/{path}"}
    for path, chance in enumerate((0.2, 0.9))
]


def test_a_card_shows_how_far_its_numbers_are_from_zero_and_its_probabilities(
    tmp_path: Path, figures: list[Figure]
) -> None:
    assert validity_plots.card(lake_of(tmp_path, "evidence", CARD + CHANCES), PLACE) is not None
    upper, lower = figures[0].axes
    assert ticks(upper) == ["runs turnover = 60 1/year", "runs sharpe = 2 √(1/year)"]
    assert bars(upper) == [[-0.5, 1.5], [2.0, 4.0]]
    told = [line for line in upper.lines if line.get_color() == validity_plots.REAL]
    assert [np.asarray(line.get_xdata()).tolist() for line in told] == [[3.0]]
    assert ticks(lower) == ["runs psr"]
    assert lower.collections[0].get_offsets().tolist() == [[0.2, 0.0], [0.9, 0.0]]


def test_a_card_without_probabilities_has_one_panel(tmp_path: Path, figures: list[Figure]) -> None:
    assert validity_plots.card(lake_of(tmp_path, "evidence", CARD), PLACE) is not None
    assert len(figures[0].axes) == 1


@pytest.mark.parametrize(
    ("name", "draw", "rows"),
    [
        ("walk_forward", validity_plots.folds, []),
        ("walk_forward", validity_plots.folds, fold(0, 3.0, None)),
        ("trials", validity_plots.tries, []),
        ("trials", validity_plots.tries, [trial("h", "p", None)]),
        ("regimes", validity_plots.weathers, []),
        ("evidence", validity_plots.card, []),
        ("evidence", validity_plots.card, CARD[2:]),
    ],
)
def test_where_nothing_is_known_there_is_no_picture(
    name: str, draw: Any, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    assert draw(lake_of(tmp_path, name, rows), PLACE) is None
