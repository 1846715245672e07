"""Documents that every scenario family must be able to live with, made from the catalogue.

`families.json`, which the engine's own tests read too, has parameters for families that need
particular ones; every other family is given what its table says.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from simcore import engine

Document = dict[str, Any]

CASES: dict[str, list[Document]] = json.loads((Path(__file__).parent / "families.json").read_text())
FAMILIES: dict[str, Document] = {row["name"]: row for row in engine.catalogue()["families"]}
OVERLAYS: dict[str, Document] = {row["name"]: row for row in engine.catalogue()["overlays"]}
DRAWN = [name for name, row in FAMILIES.items() if not row["needs_source"]]
CALENDARS = ("24x7", "fx_24x5", "us_equity", "sessions_252")
TIMEFRAMES = ("1m", "5m", "15m", "1h", "4h", "1d")

EVERY_OVERLAY: list[Document] = [
    {"type": "flash_crash", "at": 20, "depth_pct": 12.0, "down_bars": 3, "recover_frac": 0.6,
     "recover_bars": 5},
    {"type": "bear", "at": 40, "bars": 20, "drift": -15.0},
    {"type": "mania", "at": 50, "bars": 25, "vol_mult": 2.5},
    {"type": "edge_decay", "from": 30, "half_life": 12.5},
    {"type": "gap", "at": 0, "bps": 30.0},
    {"type": "gap", "at": 70, "bps": -250.0},
    {"type": "halt", "at": 10, "bars": 2},
    {"type": "missing_bars", "p": 0.2},
    {"type": "stale", "p": 0.3},
    {"type": "spread_widen", "at": 60, "bars": 4, "mult": 3.0},
]  # fmt: skip


def cases(family: str) -> list[Document]:
    """Return parameters, and assets where there are several, under which a family is tested."""
    return CASES.get(family) or [{"params": from_catalogue(FAMILIES[family])}]


def from_catalogue(row: Document) -> dict[str, float]:
    """Return a middling value for each parameter that has no default."""
    needed = [param for param in row["params"] if param["default"] is None]
    return {param["name"]: middling(param) for param in needed}


def middling(param: Document) -> float:
    """Return 1, or where that is not inside the range a value in its lower half."""
    if param["min"] < 1.0 < param["max"]:
        return 1.0
    return float(param["min"] + 0.4 * (param["max"] - param["min"]))


def document(family: str, case: int = 0, **changes: Any) -> Document:
    """Return a document with every default the engine's twin needs."""
    whole = {
        "family": family, "timeframe": "1h", "calendar": "24x7", "duration_bars": 100,
        "seed": 2**53 - 1, "volume_model": "coupled",
        "volume_params": {"v0": 1000.0, "sigma": 0.5, "phi": 0.6, "b": 0.5},
        "p0": 100.0, "n_sub": 4, "paths": 1, "innovations": {"dist": "normal"},
        "tick_size": None, "overlays": [], "assets": ["A"],
        "guard": {"mode": "error", "k": 25.0}, "start": "2000-01-03T00:00:00Z",
    }  # fmt: skip
    return {**whole, **cases(family)[case], **changes}
