"""A tournament of the size that is promised: a hundred entries, two hundred markets, end to end.

Everything is a document in a home of its own, as a user would have it: read, checked, compiled,
generated, run as asked and under stress, written into the ledger of trials, played and ranked.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

from simcore.documents import LIBRARY

N_ENTRIES = 100
N_MARKETS = 200
N_BARS = 1_000
LAWS = ("mean-revert-mid", "shocks-mid", "trend-up-mid", "vol-calm")
# Ten values of two parameters each are a hundred settings; every strategy gives a quarter of them.
SETTINGS: dict[str, dict[str, list[float]]] = {
    "atr_breakout": {"n": [10, 15, 20, 30, 40], "anchor": [20, 35, 50, 75, 100]},
    "bbands_breakout": {"n": [10, 15, 20, 30, 40], "wait": [30, 45, 60, 90, 120]},
    "ma_cross": {"fast": [5, 8, 10, 12, 15], "slow": [20, 30, 40, 60, 80]},
    "rsi_reversion": {"n": [5, 8, 14, 20, 30], "enter_below": [20, 25, 30, 35, 40]},
}


def _library(kind: str, name: str) -> dict[str, Any]:
    return tomllib.loads((LIBRARY / kind / f"{name}.toml").read_text(encoding="utf-8"))


def _written(home: Path, kind: str, document: dict[str, Any]) -> str:
    folder = home / kind
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{document['id']}.json").write_text(json.dumps(document), encoding="utf-8")
    return str(document["id"])


def _entries(home: Path, n: int) -> list[str]:
    made = []
    for name, domains in SETTINGS.items():
        for place, values in enumerate(itertools.product(*domains.values())):
            document = _library("strategies", name)
            document["id"] = f"{name}-{place:02}"
            for parameter, value in zip(domains, values, strict=True):
                document["params"][parameter]["value"] = value
            made.append(document)
    spread = [made[at * len(made) // n] for at in range(n)]
    return [_written(home, "strategies", document) for document in spread]


def _markets(home: Path, n: int) -> list[str]:
    return [
        _written(
            home,
            "scenarios",
            {
                **_library("scenarios", LAWS[number % len(LAWS)]),
                "id": f"{LAWS[number % len(LAWS)]}-{number:03}",
                "seed": 1_000 + number,
                "duration_bars": N_BARS,
            },
        )
        for number in range(n)
    ]


def written_home(home: Path, n_entries: int = N_ENTRIES, n_markets: int = N_MARKETS) -> str:
    """Write entries, markets and the tournament of them into a home; return the tournament's id.

    Args:
        home: Folder that the documents go to.
        n_entries: At most a hundred.
        n_markets: As many scenarios of one path, of four families in turn.
    """
    document = {
        "version": "0.1.0",
        "id": "bench-cup",
        "name": "As large as is promised",
        "seed": 1,
        "entries": _entries(home, n_entries),
        "scenarios": _markets(home, n_markets),
        "format": {"type": "round_robin"},
    }
    return _written(home, "tournaments", document)


def ours_tournament() -> dict[str, float]:
    """Measure `proving tournament` from documents to standings, in a process of its own."""
    proving = str(Path(sys.executable).parent / "proving")
    with tempfile.TemporaryDirectory() as folder:
        name = written_home(Path(folder))
        started = time.perf_counter()
        done = subprocess.run(
            [proving, "tournament", name, "--home", folder, "--json"],
            check=True,
            capture_output=True,
            text=True,
        )
        seconds = time.perf_counter() - started
    facts = json.loads(done.stdout)["facts"]
    return {"seconds": seconds, "games": float(facts["games"])}
