"""Pictures of what is judged over many runs: error rates, weights of portfolios, generations."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from assets.canvas import (
    COLOURS,
    HEIGHT_INCHES,
    INK,
    REAL,
    TWIN,
    WIDTH_INCHES,
    dressed,
    encoded,
    figure,
    keyed,
    short,
    titled,
)
from simcore.store import Partition, Store
from simcore.tables import TABLES

NAMED_MAX: Final = 8
"""Strategies with a colour of their own; the rest is one."""


def error_rates(store: Store, partition: Partition) -> str | None:
    """Draw how often the gate promoted in each design, with its interval and its level."""
    rows = store.read(TABLES["calibration"], partition)
    if rows.is_empty():
        return None
    drawn = figure(WIDTH_INCHES, 1.1 + 0.35 * rows.height)
    axes = dressed(drawn.add_subplot())
    places = np.arange(rows.height)
    rate, low, high = (rows[name].to_numpy() for name in ("rate", "rate_lo", "rate_hi"))
    axes.errorbar(
        rate, places, xerr=[rate - low, high - rate], fmt="o", color=REAL, ecolor=TWIN, capsize=3
    )
    axes.axvline(float(rows["alpha"][0]), color=INK, linewidth=0.8, linestyle="--")
    designs = rows.select(pl.format("{}, n = {}", "design", "n_tournaments")).to_series()
    axes.set_yticks(places, designs.to_list())
    axes.set_ylim(-0.5, rows.height - 0.5)
    axes.set_xlim(-0.02, 1.02)
    titled(axes, "How often the gate promotes, 95 %; dashed: its level",
           x="share of the n tournaments")  # fmt: skip
    return encoded(drawn)


def weights(store: Store, partition: Partition) -> str | None:
    """Draw how each method shares the money out, a bar a method."""
    rows = store.read(TABLES["portfolio_weights"], partition, ["method", "strategy_id", "weight"])
    if rows.is_empty():
        return None
    rows = rows.with_columns(pl.col("method").cast(pl.String))
    methods = rows["method"].unique().sort().to_list()
    largest = (
        rows.group_by("strategy_id").agg(pl.col("weight").sum()).sort("weight", descending=True)
    )
    named = largest["strategy_id"].to_list()
    drawn = figure(WIDTH_INCHES, HEIGHT_INCHES)
    axes = dressed(drawn.add_subplot())
    left = np.zeros(len(methods))
    for number, name in enumerate(named):
        own = dict(
            rows.filter(pl.col("strategy_id") == name).select("method", "weight").iter_rows()
        )
        width = np.array([own.get(method, 0.0) for method in methods])
        is_named = number < NAMED_MAX
        axes.barh(
            methods,
            width,
            left=left,
            color=COLOURS[number % len(COLOURS)] if is_named else TWIN,
            label=short(name) if is_named else "the others",
        )
        left += width
    keyed(axes, loc="center left", bbox_to_anchor=(1.0, 0.5))
    axes.set_xlim(0.0, 1.0)
    titled(axes, "Weights by method", x="share of the money")
    return encoded(drawn)
