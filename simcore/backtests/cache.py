"""Runs that were made before, found by their signature: plain files, each whole or absent.

The cache is a shortcut and never a record: results that matter are partitions of the lake, and
this folder may be deleted at any time.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from simcore.engine import RunColumns
from simcore.sources import digest

FOLDER: Final = Path("lake", ".cache", "runs")
TRADES: Final = "trades."
SCALARS: Final = "scalars"
# A file without these is none of a run.
KEPT: Final = {"metrics", "equity_quote", f"{TRADES}id"}


@dataclass(frozen=True)
class RunCache:
    """Cached runs of one home.

    Args:
        home: The user's folder; files lie under its ``lake/.cache/runs``.
    """

    home: Path

    def path(self, signature: str) -> Path:
        """Return where the run of that signature lies, if it does.

        A signature names the engine; the Python that lowers a strategy has a folder of its own.
        """
        code = digest("backtests", "strategy", "bars.py")[:12]
        return self.home / FOLDER / code / f"{signature}.npz"

    def read(self, signature: str) -> RunColumns | None:
        """Return the run of that signature; None where there is none or its file is torn."""
        try:
            with np.load(self.path(signature), allow_pickle=False) as arrays:
                columns = {name: arrays[name] for name in arrays.files}
            run: RunColumns = json.loads(columns.pop(SCALARS).tobytes())
            if not (columns.keys() >= KEPT and isinstance(run, dict)):
                return None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        trades = {n.removeprefix(TRADES): columns.pop(n) for n in list(columns) if TRADES in n}
        return {**run, **columns, "trades": trades}

    def write(self, signature: str, run: RunColumns) -> None:
        """Keep a run; a reader sees the whole file or none."""
        content = io.BytesIO()
        np.savez(content, **_arrays(run))
        path = self.path(signature)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".draft-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content.getvalue())
                file.flush()
                os.fsync(file.fileno())
            Path(draft).replace(path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise


def _arrays(run: RunColumns) -> dict[str, Any]:
    """The columns of a run, and everything else as JSON bytes."""
    arrays = {name: value for name, value in run.items() if isinstance(value, np.ndarray)}
    arrays |= {f"{TRADES}{name}": column for name, column in run["trades"].items()}
    scalars = {n: v for n, v in run.items() if n not in arrays and n != "trades"}
    arrays[SCALARS] = np.frombuffer(json.dumps(scalars).encode(), dtype=np.uint8)
    return arrays
