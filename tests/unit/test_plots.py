"""Pictures: what is drawn where a table says that something is not known."""

from __future__ import annotations

import numpy as np
import polars as pl
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from assets import plots


def widths(low: list[float | None], high: list[float | None]) -> tuple[list[float], str]:
    """Widths of the bars that are drawn, the last rank first, and the title above them."""
    n = len(low)
    standings = pl.DataFrame(
        {
            "tournament_id": ["cup"] * n, "rank": range(1, n + 1),
            "strategy_id": [f"s{i}" for i in range(n)], "score_mean": [2.0] * n,
            "score_ci_lo": low, "score_ci_hi": high,
        },
        schema_overrides={"score_ci_lo": pl.Float64, "score_ci_hi": pl.Float64},
    )  # fmt: skip
    axes = Figure().subplots()
    plots._intervals(axes, standings)
    (bars,) = (each for each in axes.collections if isinstance(each, LineCollection))
    ends = np.array(bars.get_segments())[:, :, 0]
    (points,) = (line for line in axes.lines if line.get_marker() == "o")
    assert np.asarray(points.get_xdata()).tolist() == [2.0] * n
    return (ends[:, 1] - ends[:, 0]).tolist(), axes.get_title(loc="left")


def test_an_entry_without_an_interval_is_drawn_as_a_point() -> None:
    drawn, title = widths([1.0, None], [4.0, None])
    assert drawn == [0.0, 3.0]
    assert title == "cup: mean score with its interval"


def test_standings_without_intervals_are_points_and_say_so() -> None:
    drawn, title = widths([None, None], [None, None])
    assert drawn == [0.0, 0.0]
    assert title == "cup: mean score, without interval"
