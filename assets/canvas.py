"""What every picture is drawn on: sizes, colours, axes, and how a figure becomes a data URI.

The ground is white in every theme, so that what is drawn reads alike on a dark page and a light.
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:  # Who only loads the graph draws nothing, and need not wait for what can.
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Dagster opens a picture in a dialog that is 740 pixels wide inside.
WIDTH_INCHES: Final = 7.4
HEIGHT_INCHES: Final = 3.0
DPI: Final = 100
COLOURS_MAX: Final = 256
TEXT_POINTS: Final = 8.5
"""Size of the smallest letters: 12 pixels."""
TITLE_POINTS: Final = 9.5
NAME_MAX: Final = 26
"""Letters of a name that is written beside an axis or in a legend."""

INK: Final = "#374151"
GRID: Final = "#e5e7eb"
REAL: Final = "#1d4ed8"
TWIN: Final = "#9ca3af"
# Okabe and Ito (2008): told apart by colour-blind readers too.
COLOURS: Final = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#000000",
)  # fmt: skip


def figure(width: float, height: float) -> Figure:
    """Return an empty figure of that many inches."""
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), dpi=DPI)
    made.set_layout_engine("constrained", w_pad=0.08, h_pad=0.08)
    return made


def dressed(axes: Axes) -> Axes:
    """Return axes with the look that all pictures share."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GRID)
    axes.tick_params(colors=INK, labelsize=TEXT_POINTS, length=0)
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def titled(axes: Axes, title: str, *, x: str | None = None, y: str | None = None) -> None:
    """Say what axes show, and in which units."""
    axes.set_title(title, fontsize=TITLE_POINTS, color=INK, loc="left")
    if x is not None:
        axes.set_xlabel(x, fontsize=TEXT_POINTS, color=INK)
    if y is not None:
        axes.set_ylabel(y, fontsize=TEXT_POINTS, color=INK)


def keyed(axes: Axes, *, is_below: bool = False, columns: int = 1, **where: Any) -> None:
    """Say what the lines and marks of axes are, once each, in a legend.

    Args:
        axes: With labelled artists; without any nothing is added.
        is_below: Whether the legend stands below the figure, for names that are long or many.
        columns: Of the legend.
        where: Handed on to matplotlib, such as ``loc``.
    """
    known = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    if not known:
        return
    look: dict[str, Any] = {"fontsize": TEXT_POINTS, "frameon": False, "labelcolor": INK}
    figure_of = axes.get_figure()
    if is_below and figure_of is not None:
        figure_of.legend(known.values(), known, loc="outside lower left", ncols=columns, **look)
    else:
        axes.legend(known.values(), known, ncols=columns, **look, **where)


def short(name: str) -> str:
    """Return a name that leaves room for what it names: cut, and marked as cut."""
    return name if len(name) <= NAME_MAX else f"{name[: NAME_MAX - 1]}…"


def encoded(drawn: Figure) -> str:
    """Return a figure as a PNG in a data URI."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    content = io.BytesIO()
    # A palette makes the file a third of what it was; every event keeps a copy of it. The palette
    # is spread over the colours, not over the pixels, so that thin lines keep theirs.
    small = image.quantize(COLOURS_MAX, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    # The last two levels take six times as long for a twelfth of the size.
    small.save(content, "png", compress_level=7)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode('ascii')}"
