"""Pictures of runs: what stands on them, in which units, and what an empty table shows."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from market import market
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

import simcore
from assets import run_plots
from simcore.backtests.equity_band import block_bars, equity_band
from simcore.backtests.surface import Surface, parameter_surface, surface
from simcore.store import Partition, Provenance, Store
from simcore.tables import TABLES

PLACE = Partition(campaign="c0-tiny", strategy="ma_cross")
BARS = market(1, 800)


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are made pictures of."""
    drawn: list[Figure] = []
    encoded = run_plots.encoded
    monkeypatch.setattr(run_plots, "encoded", lambda one: drawn.append(one) or encoded(one))
    return drawn


def lake_of(root: Path, table: str, frame: pl.DataFrame) -> Store:
    store = Store(root)
    key = {"scenario_id": "calm", "path": 0, "strategy_id": "ma_cross"}
    named = frame.with_columns(pl.lit(value).alias(name) for name, value in key.items())
    conformed = TABLES[table].conform(named) if frame.height else TABLES[table].empty()
    store.write(TABLES[table], PLACE, conformed, Provenance({}, None, "test"))
    return store


def equity_of(values: np.ndarray) -> pl.DataFrame:
    n = len(values)
    return pl.DataFrame(
        {
            "t": np.arange(n),
            "ts": 3_600 * 10**9 * np.arange(n),
            "equity_quote": values,
            "cash_quote": values,
            "position_base": np.zeros(n),
        }
    )


def texts(axes: Axes) -> tuple[str, str, str]:
    return axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()


def test_equity_stands_in_its_band_above_its_drawdown(
    tmp_path: Path, figures: list[Figure]
) -> None:
    run = simcore.backtest("ma_cross", BARS)
    store = lake_of(tmp_path, "equity", equity_of(run.equity.to_numpy()))
    image = run_plots.equity_with_drawdown(store, PLACE)
    assert image is not None
    picture = Image.open(io.BytesIO(base64.b64decode(image.split(",")[1])))
    assert picture.getpixel((0, 0)) is not None
    upper, lower = figures[0].axes
    assert texts(upper) == ("calm, path 0: n = 800 bars", "days", "equity / first equity")
    depth = 100.0 * (run.metrics["max_drawdown"] or 0.0)
    assert texts(lower) == (f"deepest: {depth:.2f} %", "days", "drawdown, %")
    labels = upper.get_legend_handles_labels()[1]
    assert labels == ["5 to 95 % of 400 resampled paths", "run"]
    (line,) = (each for each in upper.lines if each.get_label() == "run")
    drawn = np.asarray(line.get_ydata())
    assert drawn == pytest.approx(run.equity.to_numpy() / run.equity[0])


def test_a_ruined_run_has_no_band_and_a_full_drawdown(
    tmp_path: Path, figures: list[Figure]
) -> None:
    store = lake_of(tmp_path, "equity", equity_of(np.array([100.0, 120.0, 0.0, 0.0])))
    assert run_plots.equity_with_drawdown(store, PLACE) is not None
    upper, lower = figures[0].axes
    assert upper.get_legend_handles_labels()[1] == ["run"]
    assert lower.get_title(loc="left") == "deepest: -100.00 %"


def test_every_trade_is_a_mark_by_how_it_ended(tmp_path: Path, figures: list[Figure]) -> None:
    trades = simcore.backtest("ma_cross", BARS).trades
    store = lake_of(tmp_path, "trades", trades)
    assert run_plots.trade_excursions(store, PLACE) is not None
    (axes,) = figures[0].axes
    title, x, y = texts(axes)
    assert title == f"excursions of n = {trades.height} trades"
    assert (x, y) == ("furthest against the trade, bps", "furthest for the trade, bps")
    won, lost = (np.asarray(each.get_offsets()) for each in axes.collections)
    assert len(won) == (trades["net_pnl"] > 0.0).sum()
    assert len(won) + len(lost) == trades.height
    assert sorted(won[:, 0].tolist()) == sorted(
        (-trades.filter(pl.col("net_pnl") > 0.0)["mae_bps"]).to_list()
    )
    counted = [f"won: {len(won)}", f"lost: {len(lost)}"]
    assert axes.get_legend_handles_labels()[1] == [*counted, "as far either way"]


@pytest.mark.parametrize(
    ("table", "draw"),
    [
        ("equity", run_plots.equity_with_drawdown),
        ("trades", run_plots.trade_excursions),
    ],
)
def test_without_rows_there_is_no_picture(table: str, draw: object, tmp_path: Path) -> None:
    store = lake_of(tmp_path, table, TABLES[table].empty())
    assert callable(draw)
    assert draw(store, PLACE) is None


def drawn_surface(found: Surface) -> Axes:
    axes = Figure().subplots()
    run_plots.draw_surface(axes, found)
    return axes


def test_a_surface_is_a_map_with_its_own_setting_and_its_plateau() -> None:
    found = parameter_surface("ma_cross", BARS, n_steps=2)
    axes = drawn_surface(found)
    title, x, y = texts(axes)
    assert found.best is not None
    assert title.startswith(
        f"n = {found.n_settings} settings; best sharpe {found.best['score']:.2f} ±"
    )
    assert (x, y) == ("fast", "slow")
    (image,) = axes.images
    assert np.asarray(image.get_array()).shape == (7, 5)
    marks = dict(zip(axes.get_legend_handles_labels()[1], axes.collections, strict=True))
    assert marks["own setting"].get_offsets().tolist() == [[2.0, 3.0]]
    n_level = found.frame.filter(pl.col("plateau") == 1.0).height
    assert len(marks["plateau: every neighbour within 1 se"].get_offsets()) == n_level
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["8", "9", "10", "11", "12"]


def test_an_isolated_peak_is_marked_and_a_refused_setting_is_blank() -> None:
    rows = [(x, y, 3.0 if x == y == 2 else 0.0, 0.5) for x in (1, 2, 3) for y in (1, 2, 3)]
    frame = pl.DataFrame(rows, ["x", "y", "sharpe", "sharpe_se"], orient="row")
    frame = frame.with_columns(
        sharpe=pl.when(pl.col("x") + pl.col("y") == 6).then(None).otherwise(pl.col("sharpe"))
    )
    axes = drawn_surface(surface(frame, ["x", "y"]))
    marks = dict(zip(axes.get_legend_handles_labels()[1], axes.collections, strict=True))
    assert marks["isolated peak"].get_offsets().tolist() == [[1.0, 1.0]]
    values = np.ma.filled(np.ma.masked_invalid(axes.images[0].get_array()), np.nan)
    assert np.argwhere(np.isnan(values)).tolist() == [[2, 2]]


def test_a_surface_of_one_parameter_is_a_line_within_its_error() -> None:
    found = parameter_surface("ma_cross", BARS, names=["fast"])
    axes = drawn_surface(found)
    _, x, y = texts(axes)
    assert (x, y) == ("fast", "sharpe")
    assert axes.get_legend_handles_labels()[1] == ["± one standard error", "own setting"]
    assert np.asarray(axes.lines[0].get_xdata()).tolist() == found.frame["fast"].to_list()


def test_a_surface_without_a_score_says_so() -> None:
    frame = pl.DataFrame({"x": [1.0, 2.0], "sharpe": [None, None], "sharpe_se": [None, None]})
    axes = drawn_surface(surface(frame, ["x"]))
    assert axes.get_title(loc="left") == "sharpe: no setting has a score"


def test_a_band_holds_what_resampled_paths_do() -> None:
    returns = np.random.default_rng(1).normal(0.0005, 0.01, 900)
    band = equity_band(returns, n_paths=4_000)
    assert (band["low"] < band["high"]).sum() >= band.height - 1
    # Blocks leave mean and variance as they are: the end is near that of a normal walk.
    grown = np.log1p(returns)
    middle, spread = 900 * grown.mean(), 1.645 * grown.std() * 30.0
    assert np.log(band["low"][-1]) == pytest.approx(middle - spread, abs=0.15 * spread)
    assert np.log(band["high"][-1]) == pytest.approx(middle + spread, abs=0.15 * spread)
    assert band.equals(equity_band(returns, n_paths=4_000))


def test_a_band_of_constant_returns_is_a_line_and_of_none_is_empty() -> None:
    band = equity_band(np.full(50, 0.01))
    assert band["low"].to_list() == pytest.approx((1.01 ** np.arange(1, 51)).tolist())
    assert band["high"].to_list() == pytest.approx(band["low"].to_list())
    assert equity_band(np.empty(0)).height == 0
    assert (block_bars(1), block_bars(1_000)) == (1, 10)
