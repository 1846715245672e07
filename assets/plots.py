"""Pictures for the asset pages, drawn from the tables and small enough to lie in every event."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

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
from simcore.report.chaos import fault
from simcore.store import Partition, Store
from simcore.tables import TABLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL_HEIGHT_INCHES: Final = 1.8
SCENARIOS_MAX: Final = 24
RETURNS_MAX: Final = 200_000
TAIL_MAX: Final = 8.0
BINS: Final = 64
LAGS_MAX: Final = 50
LINES_MAX: Final = 8
CARD_LETTERS: Final = 92
CARD_LINES: Final = 24
POINTS_MAX: Final = 800
DAY_NS: Final = 86_400 * 10**9


def scenario_panels(store: Store, partition: Partition) -> str | None:
    """Draw three panels a scenario: its prices, its returns against the normal, their memory.

    Prices are multiples of the first, with a band where there are several paths; memory is the
    autocorrelation of absolute returns with the bound that chance keeps to 95 times in 100.
    """
    columns = ["scenario_id", "path", "asset", "t", "ts", "close"]
    bars = store.read(TABLES["bars"], partition, columns=columns).with_columns(
        # Every asset of every path is a line of its own.
        path=pl.col("path").cast(pl.UInt64) * 65_536 + pl.col("asset"),
    )
    scenarios = bars.partition_by("scenario_id", maintain_order=True)[:SCENARIOS_MAX]
    if not scenarios:
        return None
    drawn = figure(WIDTH_INCHES, PANEL_HEIGHT_INCHES * len(scenarios))
    for row, market in enumerate(scenarios):
        fan, density, memory = (
            _axes(drawn, len(scenarios), 3, 3 * row + column) for column in (1, 2, 3)
        )
        _fans(fan, market, "close", has_legend=False)
        titled(fan, short(str(market["scenario_id"][0])), x="days", y="close / first close")
        series = _log_returns(market)
        _density(density, series)
        _memory(memory, series)
    return encoded(drawn)


def equity_fan(
    store: Store, partition: Partition, *, below: Callable[[Axes], None] | None = None
) -> str | None:
    """Draw the equity of one strategy on every scenario as multiples of its first value.

    Args:
        store: The lake.
        partition: Of the strategy's runs.
        below: Draws what stands beneath, if anything does.
    """
    columns = ["scenario_id", "path", "t", "ts", "equity_quote"]
    equity = store.read(TABLES["equity"], partition, columns=columns)

    def draw(axes: Axes) -> None:
        _fans(axes, equity, "equity_quote")
        title = f"{short(str(partition.strategy))}: equity, one line per scenario"
        if equity.select("scenario_id", "path").n_unique() > equity["scenario_id"].n_unique():
            title += "; of its paths the median, and 5 to 95 %"
        titled(axes, title, x="days", y="equity / first equity")

    return _picture(draw, equity, below=below)


def rule_card(store: Store, partition: Partition) -> str | None:
    """Draw what a strategy says, so that a page of runs can be read without its document."""
    rows = store.read(TABLES["strategies"], partition)
    if rows.is_empty():
        return None
    title, lines = _card(rows)
    drawn = figure(WIDTH_INCHES, 0.6 + 0.165 * len(lines))
    axes = drawn.subplots()
    axes.set_axis_off()
    titled(axes, title)
    axes.text(
        0.0, 1.0, "\n".join(lines), transform=axes.transAxes, va="top", family="monospace",
        fontsize=TEXT_POINTS, color=INK,
    )  # fmt: skip
    return encoded(drawn)


def chaos_timeline(store: Store, partition: Partition) -> str | None:
    """Draw the book's equity in the real arm and in its twin, and when faults struck."""
    equity, injections = _timeline_rows(store, partition)
    return _picture(lambda axes: _timeline(axes, equity, injections), equity)


def report_page(store: Store, partition: Partition) -> str | None:
    """Draw standings above the chaos timeline; the latter only where there was chaos."""
    standings = _first_tournament(store, partition)
    equity, injections = _timeline_rows(store, partition)
    if equity.is_empty():
        return _picture(lambda axes: _intervals(axes, standings), standings)
    return _picture(
        lambda axes: _intervals(axes, standings),
        standings,
        below=lambda axes: _timeline(axes, equity, injections),
    )


def _picture(
    draw: Callable[[Axes], None],
    rows: pl.DataFrame,
    *,
    below: Callable[[Axes], None] | None = None,
) -> str | None:
    """Return a PNG as a data URI, None where there are no rows to draw."""
    if rows.is_empty():
        return None
    parts = [draw] if below is None else [draw, below]
    drawn = figure(WIDTH_INCHES, HEIGHT_INCHES * len(parts))
    for position, part in enumerate(parts):
        part(_axes(drawn, len(parts), 1, position + 1))
    return encoded(drawn)


def _axes(figure: Figure, rows: int, columns: int, position: int) -> Axes:
    return dressed(figure.add_subplot(rows, columns, position))


def _log_returns(market: pl.DataFrame) -> list[NDArray[np.float64]]:
    """Return the returns of the first bars of a scenario, one array a path and asset."""
    series = []
    left = RETURNS_MAX
    for _, rows in market.group_by("path", maintain_order=True):
        if left < 2:
            break
        close = rows["close"].head(left).to_numpy()
        left -= close.size
        series.append(np.diff(np.log(close)))
    return series


def _density(axes: Axes, series: list[NDArray[np.float64]]) -> None:
    """Draw the density of returns in deviations, on a scale that shows tails, and the normal's."""
    whole = np.concatenate(series)
    deviation = whole.std()
    if deviation > 0.0:
        z = np.clip((whole - whole.mean()) / deviation, -TAIL_MAX, TAIL_MAX)
        edges = np.linspace(-TAIL_MAX, TAIL_MAX, BINS + 1)
        middle = (edges[1:] + edges[:-1]) / 2.0
        density, _ = np.histogram(z, edges, density=True)
        seen = density > 0.0
        axes.semilogy(middle[seen], density[seen], "o", color=REAL, markersize=2.6)
        axes.semilogy(middle, np.exp(-0.5 * middle**2) / (2.0 * np.pi) ** 0.5, color=TWIN)
        axes.set_ylim(min(density[seen].min() / 3.0, 1e-3), 1.0)
        axes.minorticks_off()
    titled(axes, "returns; line: normal", x="standard deviations", y="density")


def _memory(axes: Axes, series: list[NDArray[np.float64]]) -> None:
    """Draw the autocorrelation of absolute returns and the bound for returns without memory."""
    sizes = [np.abs(each) for each in series]
    whole = np.concatenate(sizes)
    centre, variance = whole.mean(), whole.var()
    lags = [lag for lag in range(1, LAGS_MAX + 1) if any(each.size > lag for each in sizes)]
    if variance > 0.0:
        found = []
        for lag in lags:
            products = [
                (each[:-lag] - centre) * (each[lag:] - centre) for each in sizes if each.size > lag
            ]
            found.append(np.concatenate(products).mean() / variance)
        axes.vlines(lags, 0.0, found, color=REAL, linewidth=1.4)
        bound = 1.96 / whole.size**0.5
        axes.axhspan(-bound, bound, color=TWIN, alpha=0.35, linewidth=0)
    axes.axhline(0.0, color=INK, linewidth=0.6)
    titled(axes, "|returns|; grey: chance", x="lag, bars", y="autocorrelation")


def _fans(axes: Axes, rows: pl.DataFrame, column: str, *, has_legend: bool = True) -> None:
    """Draw a line for each scenario; median and 5 to 95 % where it has several paths."""
    relative = rows.sort("scenario_id", "path", "t").with_columns(
        value=pl.col(column) / pl.col(column).first().over("scenario_id", "path"),
        day=(pl.col("ts") - pl.col("ts").first().over("scenario_id", "path")) / DAY_NS,
    )
    groups = relative.partition_by("scenario_id", as_dict=True, maintain_order=True)
    for position, (key, group) in enumerate(groups.items()):
        colour = COLOURS[position % len(COLOURS)]
        fan = group.group_by("t", maintain_order=True).agg(
            pl.col("day").first(),
            low=pl.col("value").quantile(0.05, "linear"),
            middle=pl.col("value").median(),
            high=pl.col("value").quantile(0.95, "linear"),
        )
        fan = fan.gather_every(max(1, fan.height // POINTS_MAX))
        day = fan["day"].to_numpy()
        label = short(str(key[0])) if len(groups) <= LINES_MAX else None
        axes.plot(day, fan["middle"].to_numpy(), color=colour, linewidth=1.3, label=label)
        if group["path"].n_unique() > 1:
            low, high = fan["low"].to_numpy(), fan["high"].to_numpy()
            axes.fill_between(day, low, high, color=colour, alpha=0.18, linewidth=0)
    axes.axhline(1.0, color=INK, linewidth=0.6)
    if has_legend:
        keyed(axes, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _card(rows: pl.DataFrame) -> tuple[str, list[str]]:
    """Return what a strategy is called, and what it says in lines."""
    said = json.loads(rows["document"][0])
    told = [("idea", note)] if (note := said.get("metadata", {}).get("notes")) else []
    told += [("with", _values(said["params"]))] if said.get("params") else []
    for rule in said["rules"]:
        told += [("if", rule["if"]), ("then", str(rule["then"]))]
    told += [(name, _values({"": part})) for name, part in sorted(said.get("risk", {}).items())]
    told.append(("looks back", f"{rows['lookback_bars'][0]} bars"))
    told.append(("program", rows["ir_hash"][0][:12]))
    lines = [
        line
        for name, text in told
        for line in textwrap.wrap(f"{name:<11}{text}", CARD_LETTERS, subsequent_indent=" " * 11)
    ]
    cut = lines[:CARD_LINES] + (["…"] if len(lines) > CARD_LINES else [])
    return f"{said['name']} ({said['timeframe']})", cut


def _values(parts: Mapping[str, Any]) -> str:
    """Return parameters, or one limit without a name, with what they are."""
    told = []
    for name, part in parts.items():
        value = part
        if isinstance(part, dict):
            rest = " ".join(f"{key} {each}" for key, each in part.items() if key != "type")
            value = part["value"] if name else f"{part.get('type', '')} {rest}".strip()
        told.append(f"{name} = {value}" if name else str(value))
    return ", ".join(told)


def _first_tournament(store: Store, partition: Partition) -> pl.DataFrame:
    standings = store.read(TABLES["standings"], partition)
    return standings.filter(pl.col("tournament_id") == pl.col("tournament_id").first())


def _intervals(axes: Axes, standings: pl.DataFrame) -> None:
    rows = standings.filter(pl.col("score_mean").is_not_null()).sort(
        ["rank", "strategy_id"], descending=[True, False]
    )
    place = np.arange(rows.height)
    mean = rows["score_mean"].to_numpy()
    # An entry without an interval is a point.
    low = rows.select(pl.coalesce("score_ci_lo", "score_mean")).to_series().to_numpy()
    high = rows.select(pl.coalesce("score_ci_hi", "score_mean")).to_series().to_numpy()
    spread = np.maximum(np.stack([mean - low, high - mean]), 0.0)
    axes.errorbar(mean, place, xerr=spread, fmt="o", color=REAL, markersize=4, linewidth=1.2)
    axes.set_yticks(place, [short(name) for name in rows["strategy_id"]])
    axes.axvline(0.0, color=INK, linewidth=0.6)
    axes.set_ylim(-0.6, rows.height - 0.4)
    has_intervals = rows["score_ci_lo"].is_not_null().any()
    what = "mean score, 95 % interval" if has_intervals else "mean score, without interval"
    titled(axes, f"{short(standings['tournament_id'][0])}: {what}", x="score")


def _timeline_rows(store: Store, partition: Partition) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the book's equity and the injections of the real arm of the first seed."""
    equity = store.read(
        TABLES["chaos_equity"],
        partition,
        columns=["seed", "arm", "level", "ts", "equity_uusd", "equity_twin_uusd"],
    ).filter(pl.col("arm") == "real", pl.col("level") == "book")
    equity = equity.filter(pl.col("seed") == pl.col("seed").min()).sort("ts")
    injections = store.read(TABLES["chaos_injections"], partition).filter(
        pl.col("arm") == "real", pl.col("t0").is_not_null()
    )
    if not equity.is_empty():
        injections = injections.filter(pl.col("seed") == equity["seed"][0]).sort("t0")
    return equity, injections


def _timeline(axes: Axes, equity: pl.DataFrame, injections: pl.DataFrame) -> None:
    thin = equity.gather_every(max(1, equity.height // POINTS_MAX))
    day = (thin["ts"] / DAY_NS).to_numpy()
    start = float(equity["equity_uusd"][0])
    twin = thin["equity_twin_uusd"].cast(pl.Float64).to_numpy() / start
    axes.plot(day, twin, color=TWIN, linewidth=1.5, label="twin, without faults")
    real = thin["equity_uusd"].to_numpy() / start
    axes.plot(day, real, color=REAL, linewidth=1.2, label="book, with them")
    kinds = sorted(injections["kind"].unique().to_list())
    for row in injections.iter_rows(named=True):
        colour = COLOURS[1 + kinds.index(row["kind"]) % (len(COLOURS) - 1)]
        begin = row["t0"] / DAY_NS
        end = (row["t_clear"] if row["t_clear"] is not None else row["t0"]) / DAY_NS
        axes.axvspan(begin, end, color=colour, alpha=0.25, linewidth=0)
        axes.axvline(begin, color=colour, linewidth=1.1, label=fault(row["kind"]))
    titled(
        axes,
        f"Equity of the book through {injections.height} faults, seed {equity['seed'][0]}",
        x="simulated days", y="equity / first equity",
    )  # fmt: skip
    keyed(axes, is_below=True, columns=3)
