"""Pictures of a history: how the versions of a strategy were rated from campaign to campaign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from assets.canvas import (
    COLOURS,
    HEIGHT_INCHES,
    INK,
    TEXT_POINTS,
    WIDTH_INCHES,
    dressed,
    encoded,
    figure,
    keyed,
    short,
    titled,
)
from simcore.history import strategy_history
from simcore.store import Partition, Store
from simcore.tables import TABLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINES_MAX: Final = 8
EVENTS_MAX: Final = 12


def rating_page(store: Store, partition: Partition) -> str | None:
    """Draw ratings and scores of the campaign's first strategies over the campaigns of the lake.

    None where no tournament was played.
    """
    own = store.read(TABLES["strategy_history"], partition)
    if own.is_empty():
        return None
    names = own.sort("rank", "ir_hash")["name"].unique(maintain_order=True).head(LINES_MAX)
    known = strategy_history(store).filter(
        pl.col("kind") == "campaign", pl.col("name").is_in(names.to_list())
    )
    drawn = figure(WIDTH_INCHES, 2 * HEIGHT_INCHES)
    upper, lower = drawn.subplots(2, 1, sharex=True)
    course(dressed(upper), known, names.to_list(), ("elo_bt", "elo_lo", "elo_hi"))
    titled(upper, "rating within each tournament (Bradley-Terry), 95 %; version where it is new",
           y="elo")  # fmt: skip
    course(dressed(lower), known, names.to_list(),
           ("score_mean", "score_ci_lo", "score_ci_hi"))  # fmt: skip
    titled(lower, "mean score, 95 % interval", x="campaign and tournament", y="score")
    keyed(upper, is_below=True, columns=2)
    return encoded(drawn)


def course(
    axes: Axes, known: pl.DataFrame, names: list[str], columns: tuple[str, str, str]
) -> None:
    """Draw one value of each strategy, event after event, with its interval.

    Args:
        axes: Where.
        known: A course as `simcore.history` returns it.
        names: Of the strategies, in the order of the colours.
        columns: The value and the ends of its interval; a null end is the value itself.
    """
    events = known.select("event", "tournament_id").unique().sort(pl.all()).tail(EVENTS_MAX)
    places = {event: at for at, event in enumerate(events.iter_rows())}
    value, low, high = columns
    for at, name in enumerate(names):
        rows = known.filter(pl.col("name") == name, pl.col(value).is_not_null())
        points = [row for row in rows.iter_rows(named=True)
                  if (row["event"], row["tournament_id"]) in places]  # fmt: skip
        if not points:
            continue
        # Side by side, so that intervals at one event do not hide each other.
        shift = (at - (len(names) - 1) / 2.0) * 0.6 / len(names)
        x = np.array([places[row["event"], row["tournament_id"]] + shift for row in points])
        y = np.array([row[value] for row in points])
        ends = [[y[i] - _or(row[low], y[i]), _or(row[high], y[i]) - y[i]]
                for i, row in enumerate(points)]  # fmt: skip
        spread = np.maximum(np.array(ends).T, 0.0)
        colour = COLOURS[at % len(COLOURS)]
        axes.errorbar(x, y, yerr=spread, fmt="o-", color=colour, markersize=3, linewidth=0.8,
                      label=name if len(name) < 44 else short(name))  # fmt: skip
        for i, row in enumerate(points):
            if value == "elo_bt" and (i == 0 or row["version"] != points[i - 1]["version"]):
                axes.annotate(row["version"], (x[i], y[i]), fontsize=TEXT_POINTS, color=INK,
                              xytext=(4, 3), textcoords="offset points")  # fmt: skip
    labels = [f"{event}\n{tournament}" for event, tournament in places]
    axes.set_xticks(np.arange(len(places)), labels)
    axes.set_xlim(-0.6, len(places) - 0.4)


def _or(end: float | None, value: float) -> float:
    return float(value) if end is None else float(end)
