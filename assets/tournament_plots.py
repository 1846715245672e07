"""Pictures of a tournament: who stands where, how ratings came about, on what and with whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.canvas import (
    COLOURS,
    HEIGHT_INCHES,
    INK,
    REAL,
    TEXT_POINTS,
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
from simcore.tournaments.ratings.sequential import CENTRE, elo_course

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ENTRIES_MAX: Final = 16
LINES_MAX: Final = 8
STOPS_MAX: Final = 60
POINTS: Final = {"a": 1.0, "draw": 0.5, "b": 0.0}


def tournament_page(store: Store, partition: Partition) -> str | None:
    """Draw the first tournament of a campaign in four panels; None where none was played."""
    whole = store.read(TABLES["standings"], partition)
    standings = whole.filter(pl.col("tournament_id") == pl.col("tournament_id").first())
    if standings.is_empty():
        return None
    games = store.read(TABLES["games"], partition).filter(
        pl.col("tournament_id") == standings["tournament_id"][0]
    )
    families = store.read(TABLES["scenarios"], partition, ["scenario_id", "family"])
    shown = standings.sort("rank", "ir_hash").head(ENTRIES_MAX)
    scores = run_scores(games).join(families, on="scenario_id")
    high, heat = 0.9 + 0.24 * shown.height, 1.9 + 0.2 * shown.height
    drawn = figure(WIDTH_INCHES, high + HEIGHT_INCHES + heat)
    # Each strip has margins of its own, so that long names in one do not narrow another.
    top, middle, bottom = drawn.subfigures(3, 1, height_ratios=(high, HEIGHT_INCHES, heat))
    intervals(dressed(top.subplots()), shown)
    ordered = in_canonical_order(games, standings, families)
    rating_history(dressed(middle.subplots()), ordered, shown)
    left, right = bottom.subplots(1, 2, width_ratios=(1, 2))
    by_family(left, scores, shown)
    correlations(right, scores, shown)
    return encoded(drawn)


def run_scores(games: pl.DataFrame) -> pl.DataFrame:
    """Return ``scenario_id, path, strategy_id, score``: one row an entry and market of its games.

    Alone, an entry has one run there, and in all its games the score of that; in arenas it has one
    for each whom it met, and the score is their mean.
    """
    sides = [
        games.select(
            "scenario_id",
            "path",
            pl.col(f"entry_{side}").alias("strategy_id"),
            pl.col(f"score_{side}").alias("score"),
        )
        for side in "ab"
    ]
    whole = pl.concat(sides).sort(pl.all())
    keys = ["scenario_id", "path", "strategy_id"]
    return whole.group_by(keys, maintain_order=True).agg(pl.col("score").mean())


def in_canonical_order(
    games: pl.DataFrame, standings: pl.DataFrame, families: pl.DataFrame
) -> pl.DataFrame:
    """Return games in the order in which the standings rate them one by one.

    Args:
        games: Rows of the table `games`, of one tournament.
        standings: Its rows of `standings`.
        families: ``scenario_id, family``.
    """
    hashes = dict(standings.select("strategy_id", "ir_hash").iter_rows())
    a, b = (pl.col(f"entry_{side}").replace_strict(hashes) for side in "ab")
    by = ["round", pl.min_horizontal(a, b), pl.max_horizontal(a, b), "family"]
    joined = games.join(families, on="scenario_id", how="left")
    return joined.sort(*by, "scenario_id", "path").drop("family")


def intervals(axes: Axes, shown: pl.DataFrame) -> None:
    """Draw mean scores with intervals; who cannot be told from the leader is of one colour."""
    rows = shown.reverse()
    mean = rows["score_mean"].to_numpy()
    low = rows.select(pl.coalesce("score_ci_lo", "score_mean")).to_series().to_numpy()
    high = rows.select(pl.coalesce("score_ci_hi", "score_mean")).to_series().to_numpy()
    is_known = rows["in_mcs"].is_not_null().any()
    # Where nobody was told from the leader, nobody is drawn as if he had been.
    tied = rows.select((pl.col("rank") == 1) | pl.col("in_mcs").fill_null(not is_known))
    for group, colour in ((True, REAL), (False, TWIN)):
        at = np.flatnonzero(tied.to_series().to_numpy() == group)
        spread = np.maximum(np.stack([mean[at] - low[at], high[at] - mean[at]]), 0.0)
        axes.errorbar(mean[at], at, xerr=spread, fmt="o", color=colour, markersize=4.5)
    axes.set_yticks(np.arange(rows.height), [short(name) for name in rows["strategy_id"]])
    axes.set_ylim(-0.6, rows.height - 0.4)
    axes.axvline(0.0, color=INK, linewidth=0.6)
    has_intervals = rows["score_ci_lo"].is_not_null().any()
    what = "mean score, 95 % interval" if has_intervals else "mean score, without interval"
    who = "blue: may be the best" if is_known else "who may be the best is not known"
    titled(axes, f"{short(rows['tournament_id'][0])}: {what}; {who}",
           x=f"{rows['score'][0]}")  # fmt: skip


def rating_history(axes: Axes, games: pl.DataFrame, shown: pl.DataFrame) -> None:
    """Draw sequential Elo over games in their canonical order, of the first entries."""
    ids = sorted({*games["entry_a"].to_list(), *games["entry_b"].to_list()})
    place = {name: i for i, name in enumerate(ids)}
    a, b = (
        np.array([place[name] for name in games[side]], dtype=np.int64)
        for side in ("entry_a", "entry_b")
    )
    won = np.array([POINTS[result] for result in games["result"].to_list()])
    stops = np.unique(np.linspace(0, len(won), STOPS_MAX).astype(int)).tolist()
    course = elo_course(a, b, won, len(ids), stops)
    for at, name in enumerate(shown["strategy_id"].head(LINES_MAX).to_list()):
        if name in place:
            line = course[:, place[name]]
            axes.plot(stops, line, color=COLOURS[at % len(COLOURS)], linewidth=1.3,
                      label=short(name))  # fmt: skip
    axes.axhline(CENTRE, color=INK, linewidth=0.6)
    titled(axes, "Rating, one game after the other", x="games", y="elo")
    keyed(axes, loc="center left", bbox_to_anchor=(1.0, 0.5))


def by_family(axes: Axes, scores: pl.DataFrame, shown: pl.DataFrame) -> None:
    """Draw the mean score of each entry on each family."""
    names = shown["strategy_id"].to_list()
    families = scores["family"].unique().sort().to_list()
    means = scores.group_by("strategy_id", "family").agg(pl.col("score").mean())
    found = {(name, family): score for name, family, score in means.iter_rows()}
    matrix = np.array([[found.get((n, f), np.nan) for f in families] for n in names])
    bound = max(float(np.nanmax(np.abs(matrix), initial=0.0)), 1e-9)
    _heat(axes, matrix, bound, [short(each) for each in families], [short(each) for each in names])
    titled(axes, "mean score", x="family of markets")


def correlations(axes: Axes, scores: pl.DataFrame, shown: pl.DataFrame) -> None:
    """Draw the correlation of the scores of each two entries over the markets both ran on."""
    names = shown["strategy_id"].to_list()
    wide = scores.with_columns(market=pl.format("{} {}", "scenario_id", "path")).pivot(
        on="strategy_id", index="market", values="score"
    )
    matrix = np.full((len(names), len(names)), np.nan)
    for i, one in enumerate(names):
        for j, other in enumerate(names):
            both = wide.select(pl.col(one).alias("a"), pl.col(other).alias("b")).drop_nulls()
            a, b = both["a"].to_numpy(), both["b"].to_numpy()
            if len(a) > 1 and a.std() > 0.0 and b.std() > 0.0:
                matrix[i, j] = np.corrcoef(a, b)[0, 1]
    _heat(axes, matrix, 1.0, [short(each) for each in names], [""] * len(names))
    titled(axes, "correlation of scores; blank: none", x="the same strategies")


def _heat(
    axes: Axes, matrix: NDArray[np.float64], bound: float, across: list[str], down: list[str]
) -> None:
    image = axes.imshow(matrix, cmap="RdBu", vmin=-bound, vmax=bound, aspect="auto")
    axes.set_xticks(np.arange(len(across)), across, rotation=90)
    axes.set_yticks(np.arange(len(down)), down)
    axes.tick_params(colors=INK, labelsize=TEXT_POINTS, length=0)
    if axes.figure is not None:
        bar = axes.figure.colorbar(image, ax=axes)
        bar.ax.tick_params(colors=INK, labelsize=TEXT_POINTS, length=0)
