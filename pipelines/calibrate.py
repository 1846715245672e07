"""`make calibrate`: the placebo and power tournaments at full size, and the page about them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

from simcore.evolution.placebo import PLACEBOS, promotion_rates
from simcore.tables import TABLES
from simcore.tournaments.calibration import DESIGNS, Size, calibration
from simcore.tournaments.calibration_page import page

MANY: Final = 1_000
ENOUGH: Final = 200
# A rate that should come near the level, or near a promise, takes more tournaments than others.
TOURNAMENTS: Final = {
    "coins on a random walk": MANY,
    "coins on clusters": MANY,
    "planted alone": MANY,
}
FIELD: Final = Size(challengers=500, markets=200, tournaments=20)


def main(path: str = "docs/calibration.md") -> None:
    """Play many small tournaments and a few of the size of real ones, and write the page."""
    began = time.monotonic()
    rows = TABLES["calibration"].empty()
    for made in _made():
        rows = pl.concat([rows, made])
        minutes = (time.monotonic() - began) / 60.0
        text = page(rows, command="make calibrate", minutes=minutes, cores=os.cpu_count() or 1)
        Path(path).write_text(text, encoding="utf-8")
        for row in made.iter_rows(named=True):
            print(f"{row['design']}: {row['rate']:.3f}, {minutes:.1f} minutes", flush=True)


def _made() -> Iterator[pl.DataFrame]:
    """Rows as they come, the small fields before those of full size."""
    for design in DESIGNS:
        size = Size(20, 40, TOURNAMENTS.get(design.name, ENOUGH))
        yield calibration(size, seed=1, designs=[design])
    for placebo in PLACEBOS:
        yield promotion_rates(Size(20, 40, ENOUGH), seed=1, placebos=[placebo])
    for design in DESIGNS:
        if not design.is_planted:
            yield calibration(FIELD, seed=2, designs=[design])
    yield promotion_rates(FIELD, seed=2, placebos=PLACEBOS[:1])


if __name__ == "__main__":
    main(*sys.argv[1:])
