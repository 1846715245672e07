"""`make calibrate`: the placebo and power tournaments at full size, and the page about them."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Final

import polars as pl

from simcore.tables import TABLES
from simcore.tournaments.calibration import DESIGNS, Size, calibration
from simcore.tournaments.calibration_page import page

MANY: Final = Size(challengers=20, markets=40, tournaments=200)
FIELD: Final = Size(challengers=500, markets=200, tournaments=20)
PLACEBOS: Final = tuple(each for each in DESIGNS if not each.is_planted)


def main(path: str = "docs/calibration.md") -> None:
    """Play many small tournaments and a few of the size of real ones, and write the page."""
    began = time.monotonic()
    rows = TABLES["calibration"].empty()
    asked = [(MANY, 1, each) for each in DESIGNS] + [(FIELD, 2, each) for each in PLACEBOS]
    for size, seed, design in asked:
        rows = pl.concat([rows, calibration(size, seed=seed, designs=[design])])
        minutes = (time.monotonic() - began) / 60.0
        text = page(rows, command="make calibrate", minutes=minutes, cores=os.cpu_count() or 1)
        Path(path).write_text(text, encoding="utf-8")
        row = rows.row(-1, named=True)
        print(f"{row['design']}: {row['rate']:.3f}, {minutes:.1f} minutes", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
