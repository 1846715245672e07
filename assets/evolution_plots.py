"""Pictures of an evolution: what training promised, what sealed markets gave, what was tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from assets.canvas import (
    HEIGHT_INCHES,
    INK,
    REAL,
    TWIN,
    WIDTH_INCHES,
    dressed,
    encoded,
    figure,
    keyed,
    titled,
)
from simcore.store import Partition, Store
from simcore.tables import TABLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDES = (("selected_train", "training", TWIN), ("selected_sealed", "sealed", REAL))


def evolution_page(store: Store, partition: Partition) -> str:
    """Draw an evolution up to one of its generations in three panels."""
    known = course(store, partition)
    drawn = figure(WIDTH_INCHES, 2.6 * HEIGHT_INCHES)
    top, middle, bottom = drawn.subplots(3, 1, sharex=True)
    scores(dressed(top), known)
    gap(dressed(middle), known)
    trials(dressed(bottom), known)
    return encoded(drawn)


def course(store: Store, partition: Partition) -> pl.DataFrame:
    """Return the rows of the table `generations` of an evolution, up to one, in their order."""
    table = TABLES["generations"]
    places = [
        place
        for place in store.partitions(table)
        if place.evolution == partition.evolution
        and str(place.generation) <= str(partition.generation)
    ]
    return pl.concat([store.read(table, place) for place in places]).sort("number")


def scores(axes: Axes, known: pl.DataFrame) -> None:
    """Draw the mean score of those judged, in training and on the sealed set, with intervals."""
    for at, (name, label, colour) in enumerate(SIDES):
        _bars(axes, known, name, colour, label, shift=0.12 * (2 * at - 1))
    for row in known.filter("is_promoted").iter_rows(named=True):
        axes.axvline(row["number"], color=INK, linewidth=0.6, linestyle=":")
    titled(axes, "mean score of those judged, 95 %; dotted: a champion is promoted", x="generation",
           y="score")  # fmt: skip
    keyed(axes, loc="best")


def gap(axes: Axes, known: pl.DataFrame) -> None:
    """Draw the generalisation gap with its interval."""
    _bars(axes, known, "generalisation_gap", REAL, "gap")
    axes.axhline(0.0, color=INK, linewidth=0.6)
    titled(axes, "generalisation gap: training less sealed, 95 %", x="generation", y="score")


def trials(axes: Axes, known: pl.DataFrame) -> None:
    """Draw how many programs were ever tried."""
    axes.step(known["number"].to_numpy(), known["k_cumulative"].to_numpy(), where="post",
              color=REAL, linewidth=1.1, marker="o", markersize=3)  # fmt: skip
    axes.set_ylim(bottom=0)
    axes.set_xticks(known["number"].to_numpy())
    last = known["champion_dsr"][-1]
    dsr = "not defined" if last is None else f"{last:.3f}"
    titled(axes, f"programs ever tried; deflated Sharpe ratio of the champion: {dsr}",
           x="generation", y="programs")  # fmt: skip


def _bars(
    axes: Axes, known: pl.DataFrame, name: str, colour: str, label: str, shift: float = 0.0
) -> None:
    value = known[name].to_numpy()
    below, above = value - known[f"{name}_lo"].to_numpy(), known[f"{name}_hi"].to_numpy() - value
    axes.errorbar(known["number"].to_numpy() + shift, value, yerr=np.stack([below, above]),
                  fmt="o-", color=colour, markersize=3, linewidth=0.8, label=label)  # fmt: skip
