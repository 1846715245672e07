"""Files of bars as a user brings them, and documents that name them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from simcore.errors import SpecError
from simcore.problems import Problem
from simcore.scenario.document import load
from simcore.scenario.source import SOURCE_COLUMNS

HEADER = "Date,Open,High,Low,Close,Volume"
COLUMNS = dict(zip(SOURCE_COLUMNS, HEADER.split(","), strict=True))
WHOLE = f"{HEADER}\n2020-01-02,10,12,9,11,5\n2020-01-03,11,13,10,12,6\n2020-01-06,12,14,11,13,0\n"


def sp500() -> Path:
    """Return daily bars of the S&P 500, 1999 to 2018, as they ship inside a package."""
    spec = find_spec("arch")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "data" / "sp500" / "sp500.csv.gz"


def document(path: str | Path, timeframe: str = "1d", **source: Any) -> dict[str, Any]:
    """Return a replay of a file; `source` joins what is said of the file."""
    return {
        "version": "0.1.0",
        "id": "history",
        "family": "replay",
        "timeframe": timeframe,
        "seed": 0,
        "params": {"source": {"path": str(path), "timezone": "UTC", "columns": COLUMNS, **source}},
    }


def with_params(scenario: dict[str, Any], **params: Any) -> dict[str, Any]:
    """Return the document with more parameters."""
    return {**scenario, "params": {**scenario["params"], **params}}


def bootstrap(path: str | Path, bars: int, paths: int = 1, **params: Any) -> dict[str, Any]:
    """Return a scenario of bars drawn from a file in blocks."""
    drawn = {"family": "block_bootstrap", "duration_bars": bars, "paths": paths}
    return with_params({**document(path), **drawn}, **params)


def refused(scenario: dict[str, Any]) -> list[Problem]:
    """Return the problems for which a document is refused."""
    with pytest.raises(SpecError) as error:
        load(scenario)
    return list(error.value.problems)
