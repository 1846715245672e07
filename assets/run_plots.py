"""Pictures of runs: equity with its drawdown, what trades went through, the parameter surface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

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
from simcore.backtests.equity_band import N_PATHS, equity_band
from simcore.backtests.surface import Surface
from simcore.store import Partition, Store
from simcore.tables import TABLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DAY_NS: Final = 86_400 * 10**9
POINTS_MAX: Final = 800
TRADES_MAX: Final = 4_000
TICKS_MAX: Final = 9
LINEAR_BPS: Final = 10.0
"""Up to here the axes of excursions run evenly, and beyond in powers of ten."""
TICKS_BPS: Final = (0, 10, 30, 100, 300, 1_000, 3_000, 10_000, 100_000)
_WON: Final = COLOURS[0]
_LOST: Final = COLOURS[5]


def equity_with_drawdown(store: Store, partition: Partition) -> str | None:
    """Draw the first run of a strategy: equity within its Monte-Carlo band, and its drawdown."""
    columns = ["scenario_id", "path", "t", "ts", "equity_quote"]
    equity = store.read(TABLES["equity"], partition, columns=columns)
    if equity.is_empty():
        return None
    first = equity.filter(
        pl.col("scenario_id") == pl.col("scenario_id").first(),
        pl.col("path") == pl.col("path").first(),
    ).sort("t")
    drawn = figure(WIDTH_INCHES, 1.5 * HEIGHT_INCHES)
    upper, lower = (dressed(axes) for axes in drawn.subplots(2, 1, height_ratios=(2, 1)))
    _equity(upper, first)
    _drawdown(lower, first)
    return encoded(drawn)


def trade_excursions(store: Store, partition: Partition) -> str | None:
    """Draw how far each trade of a strategy went against it and for it."""
    columns = ["mae_bps", "mfe_bps", "net_pnl"]
    trades = store.read(TABLES["trades"], partition, columns=columns)
    if trades.is_empty():
        return None
    drawn = figure(WIDTH_INCHES, HEIGHT_INCHES)
    _excursions(dressed(drawn.subplots()), trades)
    return encoded(drawn)


def draw_surface(axes: Axes, found: Surface) -> None:
    """Draw a parameter surface over its first two parameters, the others as they are."""
    if len(found.names) == 1:
        _profile(axes, found)
    else:
        _map(axes, found)


def _equity(axes: Axes, run: pl.DataFrame) -> None:
    day = (run["ts"] - run["ts"][0]) / DAY_NS
    value = run["equity_quote"].to_numpy() / run["equity_quote"][0]
    if (value > 0.0).all() and value.size > 2:
        band = equity_band(value[1:] / value[:-1] - 1.0)
        at = day.to_numpy()[band["t"].to_numpy()]
        axes.fill_between(
            at, band["low"].to_numpy(), band["high"].to_numpy(), color=TWIN, alpha=0.35,
            linewidth=0, label=f"5 to 95 % of {N_PATHS} resampled paths",
        )  # fmt: skip
    step = max(1, value.size // POINTS_MAX)
    axes.plot(day.to_numpy()[::step], value[::step], color=REAL, linewidth=1.3, label="run")
    axes.axhline(1.0, color=INK, linewidth=0.6)
    title = f"{short(run['scenario_id'][0])}, path {run['path'][0]}: n = {value.size:,} bars"
    titled(axes, title, x="days", y="equity / first equity")
    keyed(axes, loc="best")


def _drawdown(axes: Axes, run: pl.DataFrame) -> None:
    day = ((run["ts"] - run["ts"][0]) / DAY_NS).to_numpy()
    value = run["equity_quote"].to_numpy()
    fall = 100.0 * (value / np.maximum.accumulate(value) - 1.0)
    # The deepest of each stretch, so that thinning hides no fall.
    step = max(1, value.size // POINTS_MAX)
    starts = np.arange(0, value.size, step)
    axes.fill_between(
        day[starts], np.minimum.reduceat(fall, starts), 0.0, color=_LOST, alpha=0.5, linewidth=0
    )
    titled(axes, f"deepest: {fall.min():.2f} %", x="days", y="drawdown, %")


def _excursions(axes: Axes, trades: pl.DataFrame) -> None:
    shown = trades.gather_every(max(1, -(-trades.height // TRADES_MAX)))
    for name, colour, marker, rows in (
        ("won", _WON, "o", shown.filter(pl.col("net_pnl") > 0.0)),
        ("lost", _LOST, "x", shown.filter(pl.col("net_pnl") <= 0.0)),
    ):
        axes.scatter(
            -rows["mae_bps"].to_numpy(), rows["mfe_bps"].to_numpy(), s=10, color=colour,
            marker=marker, linewidths=0.8, alpha=0.7, label=f"{name}: {rows.height}",
        )  # fmt: skip
    reaches = (-shown["mae_bps"].to_numpy(), shown["mfe_bps"].to_numpy())
    end = float(min(reach.max() for reach in reaches))
    axes.plot([0.0, end], [0.0, end], color=TWIN, linewidth=0.8, label="as far either way")
    # One trade that ran for weeks would press all others into a corner.
    for scale in (axes.set_xscale, axes.set_yscale):
        scale("symlog", linthresh=LINEAR_BPS, linscale=0.6)
    for axis, reach in zip((axes.xaxis, axes.yaxis), reaches, strict=True):
        axis.set_ticks([tick for tick in TICKS_BPS if tick <= max(2.0 * reach.max(), 10.0)])
        axis.set_major_formatter("{x:,.0f}")
    axes.minorticks_off()
    thinned = "" if shown.height == trades.height else f", {shown.height} of them drawn"
    title = f"excursions of n = {trades.height:,} trades{thinned}"
    titled(axes, title, x="furthest against the trade, bps", y="furthest for the trade, bps")
    keyed(axes, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _profile(axes: Axes, found: Surface) -> None:
    """Draw the surface of one parameter: a line within its standard error."""
    (name,) = found.names
    rows = found.frame.filter(pl.col("score").is_not_null()).sort(name)
    x, score, error = (rows[each].to_numpy() for each in (name, "score", "standard_error"))
    axes.fill_between(x, score - error, score + error, color=TWIN, alpha=0.35, linewidth=0,
                      label="± one standard error")  # fmt: skip
    axes.plot(x, score, color=REAL, marker="o", markersize=3, linewidth=1.1)
    if found.current is not None:
        axes.axvline(found.current[name], color=INK, linewidth=0.8, label="own setting")
    titled(axes, _said(found), x=name, y=found.metric)
    keyed(axes, loc="best")


def _map(axes: Axes, found: Surface) -> None:
    """Draw the surface of two parameters: a colour a setting, blank where one was refused."""
    x_name, y_name = found.names[:2]
    rest = {} if found.current is None else {n: found.current[n] for n in found.names[2:]}
    rows = found.frame.filter(*(pl.col(name) == value for name, value in rest.items()))
    xs, ys = (np.unique(rows[name].to_numpy()) for name in (x_name, y_name))
    grid = np.full((ys.size, xs.size), np.nan)
    at = (
        np.searchsorted(ys, rows[y_name].to_numpy()),
        np.searchsorted(xs, rows[x_name].to_numpy()),
    )
    grid[at] = rows["score"].fill_null(float("nan")).to_numpy()
    # Colours run evenly from dark to bright, and so read without colour too.
    image = axes.imshow(grid, origin="lower", aspect="auto", cmap="viridis")
    figure_of = axes.get_figure()
    if figure_of is not None:
        bar = figure_of.colorbar(image, ax=axes)
        bar.set_label(found.metric, fontsize=TEXT_POINTS, color=INK)
        bar.ax.tick_params(labelsize=TEXT_POINTS, colors=INK, length=0)

    def mark(keep: pl.Expr, marker: str, label: str, size: int) -> None:
        chosen = rows.filter(keep)
        if chosen.height:
            axes.scatter(
                np.searchsorted(xs, chosen[x_name].to_numpy()),
                np.searchsorted(ys, chosen[y_name].to_numpy()),
                s=size, marker=marker, facecolors="white", edgecolors="black", linewidths=0.8,
                label=label,
            )  # fmt: skip

    mark(pl.col("plateau") == 1.0, ".", "plateau: every neighbour within 1 se", 18)
    mark(pl.col("is_isolated"), "X", "isolated peak", 40)
    if found.current is not None:
        own = [pl.col(name) == found.current[name] for name in (x_name, y_name)]
        mark(own[0] & own[1], "s", "own setting", 40)
    for axis, values, name in ((axes.xaxis, xs, x_name), (axes.yaxis, ys, y_name)):
        places = np.unique(np.linspace(0, values.size - 1, TICKS_MAX).astype(int))
        axis.set_ticks(places, [f"{values[place]:g}" for place in places])
        axis.set_label_text(name, fontsize=TEXT_POINTS, color=INK)
    axes.grid(visible=False)
    titled(axes, _said(found))
    keyed(axes, is_below=True, columns=3)


def _said(found: Surface) -> str:
    best = found.best
    if best is None:
        return f"{found.metric}: no setting has a score"
    plateau = "no neighbour"
    if best["plateau"] is not None:
        plateau = f"{100.0 * best['plateau']:.0f} % of {best['n_neighbours']} neighbours level"
    return (
        f"n = {found.n_settings} settings; best {found.metric} {best['score']:.2f}"
        f" ± {best['standard_error']:.2f}, {plateau}"
    )
