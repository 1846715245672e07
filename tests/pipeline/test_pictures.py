"""Every picture of a campaign that was really run: legible, nothing cut off, every axis named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from assets import (
    canvas,
    evidence_plots,
    history_plots,
    plots,
    run_plots,
    tournament_plots,
    validity_plots,
)
from pipelines import home as homes
from simcore.store import Partition, Store

CAMPAIGN = Partition("c0-tiny")
RUN = Partition("c0-tiny", "rsi_bbands_mean_revert")
STRATEGY = Partition(strategy="rsi_bbands_mean_revert")
LETTER_PIXELS = 11.0
DIALOG_PIXELS = 745
MODULES = (
    plots, run_plots, tournament_plots, validity_plots, evidence_plots, history_plots,
)  # fmt: skip
PICTURES: dict[str, tuple[Callable[[Store, Partition], str | None], Partition]] = {
    "markets": (plots.scenario_panels, CAMPAIGN),
    "rules": (plots.rule_card, STRATEGY),
    "equity of all": (plots.equity_fan, RUN),
    "report": (plots.report_page, CAMPAIGN),
    "equity of one": (run_plots.equity_with_drawdown, RUN),
    "trades": (run_plots.trade_excursions, RUN),
    "folds": (validity_plots.folds, RUN),
    "trials": (validity_plots.tries, RUN),
    "regimes": (validity_plots.weathers, RUN),
    "evidence": (validity_plots.card, RUN),
    "tournament": (tournament_plots.tournament_page, CAMPAIGN),
    "gate": (evidence_plots.error_rates, CAMPAIGN),
    "weights": (evidence_plots.weights, CAMPAIGN),
    "history": (history_plots.rating_page, CAMPAIGN),
}


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """What is drawn in a test, as it is before it becomes a file."""
    drawn: list[Figure] = []

    def kept(figure: Figure) -> str:
        drawn.append(figure)
        return canvas.encoded(figure)

    for module in MODULES:
        monkeypatch.setattr(module, "encoded", kept)
    return drawn


def words(figure: Figure) -> Iterator[Text]:
    """Yield what is written in a figure and seen."""
    for axes in figure.axes:
        if axes.axison:
            yield from (axes.xaxis.label, axes.yaxis.label)
            # Axes of powers of ten know of places beyond those that have a label.
            for axis, low, high in ((axes.xaxis, *axes.get_xlim()), (axes.yaxis, *axes.get_ylim())):
                low, high = min(low, high), max(low, high)
                for place, label in zip(
                    axis.get_majorticklocs(), axis.get_ticklabels(), strict=False
                ):
                    if low <= place <= high:
                        yield label
        yield from (axes.title, axes._left_title, *axes.texts)
        legend = axes.get_legend()
        yield from legend.get_texts() if legend is not None else ()
    for legend in figure.legends:
        yield from legend.get_texts()


def assert_legible(figure: Figure) -> None:
    drawn = FigureCanvasAgg(figure)
    drawn.draw()
    width, height = figure.bbox.width, figure.bbox.height
    assert width <= DIALOG_PIXELS
    seen = [text for text in words(figure) if text.get_text() and text.get_visible()]
    assert seen
    for text in seen:
        said = text.get_text()
        assert text.get_fontsize() * canvas.DPI / 72.0 >= LETTER_PIXELS, said
        box = text.get_window_extent(drawn.get_renderer())
        assert box.x0 >= -1.0 and box.x1 <= width + 1.0, said
        assert box.y0 >= -1.0 and box.y1 <= height + 1.0, said
    for axes in figure.axes:
        assert_named(axes)


def assert_named(axes: Axes) -> None:
    """Check that axes have a title and say what they measure."""
    if axes.get_label() == "<colorbar>":
        return
    title = axes.get_title(loc="left")
    assert title
    if axes.axison:
        # Axes that stand above each other name what they share once.
        assert any(each.get_xlabel() for each in axes.get_shared_x_axes().get_siblings(axes)), title
        labels = [label.get_text() for label in axes.get_yticklabels()]
        is_named = any(label[:1].isalpha() for label in labels) or not any(labels)
        assert axes.get_ylabel() or is_named, title


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_is_legible_and_says_what_it_measures(
    finished: Path, figures: list[Figure], name: str
) -> None:
    draw, place = PICTURES[name]
    assert draw(Store(homes.lake(finished)), place) is not None
    (figure,) = figures
    assert_legible(figure)


def test_the_course_of_chaos_is_legible_and_names_its_faults() -> None:
    day = 86_400 * 10**9
    ts = np.arange(30) * day
    equity = pl.DataFrame({"seed": 5, "ts": ts, "equity_uusd": 100 - ts // day,
                           "equity_twin_uusd": 100 + ts // day})  # fmt: skip
    faults = pl.DataFrame({"kind": ["A1", "C1", "C1", "D1"], "t0": [day, 2 * day, 3 * day, 9 * day],
                           "t_clear": [None, None, None, 11 * day]})  # fmt: skip
    figure = canvas.figure(canvas.WIDTH_INCHES, canvas.HEIGHT_INCHES)
    plots._timeline(canvas.dressed(figure.subplots()), equity, faults)
    assert_legible(figure)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()][2:] == [
        "A1 flash crash", "C1 process crash", "D1 API timeout",
    ]  # fmt: skip


def test_a_picture_keeps_the_colours_of_its_lines() -> None:
    import base64
    import io

    from PIL import Image

    figure = canvas.figure(canvas.WIDTH_INCHES, 2 * canvas.HEIGHT_INCHES)
    upper, lower = figure.subplots(2, 1)
    generator = np.random.default_rng(1)
    for colour in canvas.COLOURS:
        upper.plot(generator.normal(size=200).cumsum(), color=colour, linewidth=1.3)
    lower.imshow(generator.normal(size=(16, 16)), cmap="RdBu")
    content = base64.b64decode(canvas.encoded(figure).split(",")[1])
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).reshape(-1, 3).astype(int)
    known = np.unique(pixels, axis=0)
    for colour in canvas.COLOURS:
        wanted = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])
        assert np.abs(known - wanted).sum(axis=1).min() <= 4, colour
