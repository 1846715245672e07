"""Pictures of how far a strategy's numbers hold: folds, trials, regimes and the evidence card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

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
from simcore.scoring.significance import expected_maximum
from simcore.store import Partition, Store
from simcore.tables import TABLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROWS_MAX: Final = 16
"""Lines of a picture; a title says where there are more."""
REACH: Final = 0.6
"""How far intervals are drawn beyond the outermost means, in the spread of these."""
_WORST: Final = COLOURS[5]


def folds(store: Store, partition: Partition) -> str | None:
    """Draw each fold of a strategy: Sharpe ratio where it was chosen against where it is judged."""
    columns = ["scenario_id", "path", "fold", "segment", "sharpe"]
    rows = store.read(TABLES["walk_forward"], partition, columns).drop_nulls("sharpe")
    sides = [
        rows.filter(pl.col("segment") == segment).drop("segment").rename({"sharpe": name})
        for segment, name in (("is", "chosen"), ("oos", "judged"))
    ]
    both = sides[0].join(sides[1], on=["scenario_id", "path", "fold"])
    if both.is_empty():
        return None
    drawn = figure(WIDTH_INCHES, HEIGHT_INCHES)
    axes = dressed(drawn.subplots())
    axes.scatter(both["chosen"].to_numpy(), both["judged"].to_numpy(), s=16, color=REAL, alpha=0.7)
    axes.axline((0.0, 0.0), slope=1.0, color=TWIN, linewidth=0.8, label="as good as where chosen")
    axes.axhline(0.0, color=INK, linewidth=0.6)
    chosen, judged = (float(np.median(both[name].to_numpy())) for name in ("chosen", "judged"))
    title = f"n = {both.height} folds; median {chosen:.2f} where chosen, {judged:.2f} where judged"
    titled(axes, title, x="Sharpe ratio of a year where chosen",
           y="Sharpe ratio where judged")  # fmt: skip
    keyed(axes, loc="best")
    return encoded(drawn)


def tries(store: Store, partition: Partition) -> str | None:
    """Draw every trial of a strategy, a line a history, beside what the best reaches by luck."""
    table = TABLES["trials"]
    columns = ["lineage", "ir_hash", "sharpe_bar"]
    whole = store.read(table, partition, columns)
    rows = whole.drop_nulls("sharpe_bar")
    if rows.is_empty():
        return None
    footer = store.footer(table, partition)
    own = footer.documents.get(f"strategies/{partition.strategy}") if footer is not None else None
    histories = rows["lineage"].unique().sort().to_list()
    shown = histories[:ROWS_MAX]
    drawn = figure(WIDTH_INCHES, 1.2 + 0.28 * len(shown))
    axes = dressed(drawn.subplots())
    for at, history in enumerate(shown):
        tried = rows.filter(pl.col("lineage") == history)
        sharpe = tried["sharpe_bar"].to_numpy()
        axes.scatter(sharpe, np.full(sharpe.size, at), s=10, color=TWIN, label="trial")
        is_own = (tried["ir_hash"] == own).fill_null(value=False).to_numpy()
        itself = sharpe[is_own]
        axes.scatter(itself, np.full(itself.size, at), s=18, color=REAL, label="own program")
        if sharpe.size > 1:
            luck = sharpe.std(ddof=1) * expected_maximum(sharpe.size)
            axes.plot([luck], [at], "|", color=_WORST, markersize=9,
                      label="best of so many\nby luck alone")  # fmt: skip
    axes.axvline(0.0, color=INK, linewidth=0.6)
    axes.set_yticks(np.arange(len(shown)), [history[:8] for history in shown])
    axes.set_ylim(-0.6, len(shown) - 0.4)
    cut = "" if len(shown) == len(histories) else f", {len(shown)} of them drawn"
    title = f"n = {whole.height} trials on {len(histories)} histories{cut}"
    titled(axes, title, x="Sharpe ratio of a bar", y="history (lineage)")
    keyed(axes, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return encoded(drawn)


def weathers(store: Store, partition: Partition) -> str | None:
    """Draw the score of a strategy in every regime that it met, with its interval."""
    whole = store.read(TABLES["regimes"], partition)
    rows = whole.filter(pl.col("score") == pl.col("score").first()).reverse()
    if rows.is_empty():
        return None
    drawn = figure(WIDTH_INCHES, 1.0 + 0.25 * rows.height)
    axes = dressed(drawn.subplots())
    places = np.arange(rows.height)
    mean = rows["score_mean"].to_numpy()
    low, high = (
        rows.select(pl.coalesce(end, "score_mean")).to_series().to_numpy()
        for end in ("score_ci_lo", "score_ci_hi")
    )
    is_worst = rows["is_worst"].to_numpy()
    for group, colour in ((False, REAL), (True, _WORST)):
        at = np.flatnonzero(is_worst == group)
        spread = np.maximum(np.stack([mean[at] - low[at], high[at] - mean[at]]), 0.0)
        axes.errorbar(mean[at], places[at], xerr=spread, fmt="o", color=colour, markersize=4)
    # Two paths have intervals that are wider than all scores: they leave the picture.
    reach = REACH * max(float(np.ptp(mean)), 1.0)
    axes.set_xlim(max(low.min(), mean.min() - reach) - 1.0, min(high.max(), mean.max() + reach) + 1)
    names = [
        f"{short(' '.join(dict.fromkeys((row['axis'], row['regime']))))}, n = {row['n_paths']}"
        for row in rows.iter_rows(named=True)
    ]
    axes.set_yticks(places, names)
    axes.axvline(0.0, color=INK, linewidth=0.6)
    axes.set_ylim(-0.6, rows.height - 0.4)
    title = "mean of n paths by regime, 95 %; orange: the worst of two paths or more"
    titled(axes, title, x=f"{rows['score'][0]}, points")
    return encoded(drawn)


def card(store: Store, partition: Partition) -> str | None:
    """Draw the evidence card: its numbers beside their own doubt, and its probabilities."""
    columns = ["section", "name", "item", "estimate", "unit", "lo", "hi"]
    # Regimes have a picture of their own.
    whole = store.read(TABLES["evidence"], partition, columns).filter(
        pl.col("section") != "regimes", pl.col("estimate").is_not_null()
    )
    sure = whole.filter(pl.col("hi") > pl.col("lo"))
    chances = whole.filter(pl.col("unit") == "probability")
    parts = [
        (draw, rows, n_lines)
        for draw, rows, n_lines in (
            (_numbers, sure, min(sure.height, ROWS_MAX)),
            (_chances, chances, chances.select("section", "name").n_unique()),
        )
        if n_lines
    ]
    if not parts:
        return None
    heights = [0.9 + 0.21 * n_lines for _, _, n_lines in parts]
    drawn = figure(WIDTH_INCHES, sum(heights))
    panels = drawn.subplots(len(parts), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, (draw, rows, _) in zip(panels, parts, strict=True):
        draw(dressed(axes), rows)
    return encoded(drawn)


def _numbers(axes: Axes, rows: pl.DataFrame) -> None:
    """Draw numbers of many units on one scale: how many half widths each is from zero."""
    shown = rows.head(ROWS_MAX).reverse()
    places = np.arange(shown.height)
    scaled = shown.select(2.0 * pl.col("estimate") / (pl.col("hi") - pl.col("lo")))
    distance = scaled.to_series().to_numpy()
    for group, colour in ((True, REAL), (False, TWIN)):
        at = np.flatnonzero((np.abs(distance) > 1.0) == group)
        axes.errorbar(distance[at], places[at], xerr=1.0, fmt="o", color=colour, markersize=4)
    said = [
        f"{_named(row)} = {row['estimate']:.3g} {_unit(row['unit'])}".rstrip()
        for row in shown.iter_rows(named=True)
    ]
    axes.set_yticks(places, said)
    axes.axvline(0.0, color=INK, linewidth=0.6)
    cut = "" if shown.height == rows.height else f"; {shown.height} of {rows.height}"
    axes.set_ylim(-0.6, shown.height - 0.4)
    titled(axes, f"blue: told from zero at 95 %{cut}",
           x="distance from zero, half widths of the interval")  # fmt: skip


def _chances(axes: Axes, rows: pl.DataFrame) -> None:
    """Draw probabilities, a dot a path."""
    said = rows.select(pl.format("{} {}", "section", "name")).to_series()
    names = said.unique().sort(descending=True).to_list()
    axes.scatter(rows["estimate"].to_numpy(), [names.index(name) for name in said], s=14,
                 color=REAL, alpha=0.7)  # fmt: skip
    axes.set_yticks(np.arange(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlim(-0.02, 1.02)
    titled(axes, "probabilities, a dot a path", x="probability")


def _named(row: dict[str, Any]) -> str:
    return " ".join(row[part] for part in ("section", "name", "item") if row[part])


def _unit(unit: str) -> str:
    """Return a unit as a person writes it; nothing where there is none."""
    return {"1/sqrt(year)": "√(1/year)", "fraction": "", "-": "", "ratio": ""}.get(unit, unit)
