"""A large batch in one call: its memory, and that it is the runs that are made alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import simcore
from simcore import engine
from simcore.backtests.request import execution_json
from simcore.bars import columns_by_path
from simcore.strategy.grid import lowered

N_STRATEGIES, N_PATHS, N_BARS = 200, 100, 10_000
GIB_IN_KIB = 1 << 20
GRIDS: dict[str, dict[str, range]] = {
    "ma_cross": {"fast": range(2, 27, 3), "slow": range(31, 120, 9)},
    "rsi_reversion": {"n": range(5, 25)},
    "bbands_breakout": {"n": range(10, 50)},
    "atr_trailing_trend": {"anchor": range(10, 290, 5)},
}
MARKET = {
    "version": "0.1.0", "id": "many", "family": "vol_cluster", "timeframe": "1h", "seed": 7,
    "duration_bars": N_BARS, "paths": N_PATHS, "volume_model": "const",
    "params": {"mu": 0.0, "omega": 80.0, "alpha": 0.05, "beta": 0.9},
}  # fmt: skip

# Peaks are the process's own: nothing but the bars and the batch lies in it.
CHILD = """
import json, sys
from pathlib import Path
from test_large_batch import batch, market, programs

texts, bars = programs(), market()
runs = batch(texts, bars)
status = Path("/proc/self/status").read_text()
peak_kib = int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
picked = [0, 9_999, len(runs) - 1]
print(json.dumps({"n": len(runs), "peak_kib": peak_kib,
                  "picked": {at: runs[at]["metrics"].tobytes().hex() for at in picked}}))
"""


def programs() -> list[str]:
    texts: list[str] = []
    for name, grid in GRIDS.items():
        settings: list[tuple[float, ...]] = [()]
        for values in grid.values():
            settings = [(*setting, value) for setting in settings for value in values]
        strategy = simcore.compile_strategy(name)
        made = lowered(strategy, list(grid), settings)
        texts += [each.program for each in made if each.program is not None]
    return texts[:N_STRATEGIES]


def market() -> list[engine.Columns]:
    return [each for _, each in columns_by_path(simcore.generate(MARKET))]


def batch(texts: list[str], bars: list[engine.Columns]) -> list[Any]:
    return engine.backtest(
        texts,
        execution_json("honest_v1"),
        bars,
        [(program, path) for program in range(len(texts)) for path in range(len(bars))],
        initial_cash=10_000.0,
        bars_per_year=[8_766.0] * len(bars),
        detail="summary",
    )


def test_two_hundred_strategies_on_a_hundred_paths_run_in_less_than_a_gibibyte() -> None:
    folder = str(Path(__file__).parent)
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {folder!r})\n{CHILD}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    assert told["n"] == N_STRATEGIES * N_PATHS
    assert told["peak_kib"] < GIB_IN_KIB
    # Runs of the batch have the bytes of the same runs alone.
    texts, bars = programs(), market()
    for at, found in told["picked"].items():
        program, path = divmod(int(at), N_PATHS)
        (alone,) = batch([texts[program]], [bars[path]])
        assert alone["metrics"].tobytes().hex() == found
