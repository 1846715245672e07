"""Pictures: what is drawn where a table says that something is not known."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from PIL import Image

from assets import canvas, plots
from simcore.store import Partition, Provenance, Store
from simcore.tables import TABLES

PLACE = Partition("c0-tiny")


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
    assert title == "cup: mean score, 95 % interval"


def test_standings_without_intervals_are_points_and_say_so() -> None:
    drawn, title = widths([None, None], [None, None])
    assert drawn == [0.0, 0.0]
    assert title == "cup: mean score, without interval"


def lake_of(root: Path, closes: dict[str, np.ndarray[Any, Any]]) -> Store:
    """A lake with bars of scenarios of one path, each asset a row of closes."""
    store = Store(root)
    frames = []
    for name, close in closes.items():
        n_assets, n_bars = close.shape
        flat = close.ravel()
        t = np.tile(np.arange(n_bars), n_assets)
        frames.append(
            pl.DataFrame(
                {
                    "scenario_id": [name] * flat.size, "path": np.zeros(flat.size, np.uint32),
                    "asset": np.repeat(np.arange(n_assets), n_bars), "t": t,
                    "ts": t * 3_600 * 10**9, "known_at": (t + 1) * 3_600 * 10**9,
                    "open": flat, "high": flat, "low": flat, "close": flat,
                    "volume": np.ones(flat.size), "hl_order": np.zeros(flat.size, np.int8),
                    "flags": np.zeros(flat.size, np.uint8),
                }
            )
        )  # fmt: skip
    table = TABLES["bars"]
    store.write(table, PLACE, table.conform(pl.concat(frames)), Provenance({}, None, "test"))
    return store


def test_every_scenario_has_three_panels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    walks = 100.0 * np.exp(np.cumsum(generator.normal(0.0, 0.01, (3, 300)), axis=1))
    store = lake_of(
        tmp_path, {"calm": walks[:1], "two-assets": walks[1:], "z-flat": 0 * walks[:1] + 5}
    )
    drawn: list[Figure] = []
    encoded = plots.encoded
    monkeypatch.setattr(plots, "encoded", lambda figure: drawn.append(figure) or encoded(figure))
    image = plots.scenario_panels(store, PLACE)
    assert image is not None
    header, content = image.split(",")
    assert header == "data:image/png;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(content)))
    assert picture.width == canvas.WIDTH_INCHES * canvas.DPI
    assert picture.height == int(3 * plots.PANEL_HEIGHT_INCHES * canvas.DPI)
    axes = drawn[0].axes
    assert len(axes) == 9
    assert [each.get_title(loc="left") for each in axes[::3]] == ["calm", "two-assets", "z-flat"]
    # Two assets are two lines of one fan: a band lies around their middle.
    assert len(axes[0].collections) == 0
    assert len(axes[3].collections) == 1
    bars = np.array(axes[2].collections[0].get_segments())
    size = np.abs(np.diff(np.log(walks[0])))
    centred = size - size.mean()
    expected = np.mean(centred[:-1] * centred[1:]) / centred.var()
    assert bars[0][1][1] == pytest.approx(expected)


def test_a_market_without_bars_has_no_picture(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(TABLES["bars"], PLACE, TABLES["bars"].empty(), Provenance({}, None, "test"))
    assert plots.scenario_panels(store, PLACE) is None


def test_the_picture_of_many_scenarios_stays_small(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    walks = 100.0 * np.exp(np.cumsum(generator.normal(0.0, 0.01, (30, 1, 720)), axis=2))
    store = lake_of(tmp_path, {f"s{i:02}": walk for i, walk in enumerate(walks)})
    image = plots.scenario_panels(store, PLACE)
    assert image is not None
    assert len(image) < 400_000
    picture = Image.open(io.BytesIO(base64.b64decode(image.split(",")[1])))
    assert picture.height == int(plots.SCENARIOS_MAX * plots.PANEL_HEIGHT_INCHES * canvas.DPI)
