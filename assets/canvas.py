"""What every picture is drawn on: sizes, colours, axes, and how a figure becomes a data URI.

The ground is white in every theme, so that what is drawn reads alike on a dark page and a light.
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:  # Who only loads the graph draws nothing, and need not wait for what can.
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_INCHES: Final = 6.4
HEIGHT_INCHES: Final = 2.9
DPI: Final = 80
COLOURS_MAX: Final = 128

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
    made.set_layout_engine("constrained")
    return made


def dressed(axes: Axes) -> Axes:
    """Return axes with the look that all pictures share."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GRID)
    axes.tick_params(colors=INK, labelsize=8, length=0)
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def titled(axes: Axes, title: str, *, x: str | None = None, y: str | None = None) -> None:
    """Say what axes show, and in which units."""
    axes.set_title(title, fontsize=9, color=INK, loc="left")
    if x is not None:
        axes.set_xlabel(x, fontsize=8, color=INK)
    if y is not None:
        axes.set_ylabel(y, fontsize=8, color=INK)


def encoded(drawn: Figure) -> str:
    """Return a figure as a PNG in a data URI."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    content = io.BytesIO()
    # A palette makes the file a third of what it was; every event keeps a copy of it.
    image.quantize(COLOURS_MAX, dither=Image.Dither.NONE).save(content, "png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode('ascii')}"
