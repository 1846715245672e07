"""How long 1,000 imported runs take to come in and to be asked for: `-m tests.bench.imported`.

Processor time of all threads and time on the clock, best of eight: others may share the machine.
"""

from __future__ import annotations

import io
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

import simcore
from pipelines.cli import main
from simcore import engine
from simcore.lake import views
from simcore.store import Store

N_RUNS, N_BARS, ROUNDS = 1_000, 250, 8
BEST = """select strategy_name, avg(sharpe) as mean, max(sharpe) as best, count(*) as n
    from imported_runs group by strategy_name order by best desc limit 10"""


def documents(folder: Path, n_files: int) -> list[str]:
    """Write the runs into so many files, and return their names."""
    steps = engine.normals(1, "diffusion", 0, N_RUNS * N_BARS).reshape(N_RUNS, N_BARS)
    stamps = [day * 86_400 for day in range(1, N_BARS + 1)]
    runs: list[dict[str, Any]] = [
        {
            "id": f"r{n}",
            "strategy": f"s{n % 50}",
            "instrument": "X",
            "timeframe": "1d",
            "curve": {"ts": stamps, "ts_unit": "s", "returns": (0.01 * steps[n]).tolist()},
        }
        for n in range(N_RUNS)
    ]
    paths = [folder / f"tool-{n}.json" for n in range(n_files)]
    for n, path in enumerate(paths):
        own = runs[n::n_files]
        path.write_text(json.dumps({"version": "0.1.0", "made_by": "bench", "runs": own}))
    return [str(path) for path in paths]


def best(ask: Callable[[], object]) -> tuple[float, float]:
    """Return the least milliseconds on the clock and of the processor."""
    ask()
    took = []
    for _ in range(ROUNDS):
        began, busy = time.perf_counter(), time.process_time()
        ask()
        took.append((time.perf_counter() - began, time.process_time() - busy))
    clock, processor = (min(column) * 1_000.0 for column in zip(*took, strict=True))
    return clock, processor


def scanned(home: Path) -> pl.DataFrame:
    """Answer the question with Polars."""
    grouped = simcore.scan("imported_runs", home=home).group_by("strategy_name")
    wanted = grouped.agg(pl.mean("sharpe").alias("mean"), pl.max("sharpe").alias("best"), pl.len())
    return wanted.sort("best", descending=True).head(10).collect()


def lines(n_files: int) -> Iterator[str]:
    """Measure one layout of the same runs."""
    with tempfile.TemporaryDirectory() as folder:
        home, files = Path(folder, "home"), documents(Path(folder), n_files)
        began = time.perf_counter()
        with redirect_stdout(io.StringIO()):
            assert main(["import-run", *files, "--home", str(home)]) == 0
        yield f"| {n_files} files of {N_RUNS // n_files} | clock ms | processor ms |"
        yield f"| import | {(time.perf_counter() - began) * 1_000.0:,.0f} | |"
        db = duckdb.connect()
        db.execute(views(Store.of(home)))
        for name, ask in (
            ("simcore.scan", lambda: scanned(home)),
            ("DuckDB view", lambda: db.sql(BEST).fetchall()),
        ):
            clock, processor = best(ask)
            yield f"| {name} | {clock:,.0f} | {processor:,.0f} |"


if __name__ == "__main__":
    for n_files in (50, 1_000):
        for line in lines(n_files):
            print(line)
