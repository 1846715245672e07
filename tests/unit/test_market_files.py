"""Markets in files: what `proving generate --out` writes, and how little memory it takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

import simcore
from pipelines.cli import main
from simcore.bars import dataset_hash

GIB_IN_KIB = 1 << 20

# The process's own high-water mark: `ru_maxrss` would count what its parent held before.
CHILD = """
import resource, sys
from pathlib import Path
from pipelines.cli import main

code = main(sys.argv[1:])
status = Path("/proc/self/status")
if status.exists():
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    peak_kib = int(line.split()[1])
else:
    unit = 1024 if sys.platform == "darwin" else 1
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit
print("peak_kib", peak_kib)
sys.exit(code)
"""


def document(n_bars: int, n_paths: int) -> str:
    return f"""
version = "0.1.0"
id = "many"
family = "trend"
timeframe = "1m"
seed = 1
duration_bars = {n_bars}
paths = {n_paths}
volume_model = "const"
params = {{ drift = 0.0, sigma = 1.0 }}
"""


@pytest.mark.parametrize(("n_bars", "n_paths"), [(5_000_000, 2), (100_000, 100)])
def test_ten_million_bars_are_generated_and_written_in_less_than_a_gibibyte(
    tmp_path: Path, n_bars: int, n_paths: int
) -> None:
    source, target = tmp_path / "many.toml", tmp_path / "bars.parquet"
    source.write_text(document(n_bars, n_paths), encoding="utf-8")
    command = [sys.executable, "-c", CHILD, "generate", str(source), "--out", str(target)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert int(done.stdout.split("peak_kib")[-1]) < GIB_IN_KIB
    assert pq.read_metadata(target).num_rows == 10_000_000
    target.unlink()


def test_a_written_market_is_the_market_in_its_tables_types(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "deep" / "bars.parquet"
    assert main(["generate", document(70_000, 3), "--out", str(target)]) == 0
    written, made = pl.read_parquet(target), simcore.generate(document(70_000, 3))
    assert written.schema == made.schema
    assert written.equals(made)
    assert dataset_hash(written) in capsys.readouterr().out
    assert pq.read_metadata(target).num_row_groups == 2
    assert [path.name for path in target.parent.iterdir()] == ["bars.parquet"]


def test_a_written_market_replays_as_it_was(tmp_path: Path) -> None:
    bars = tmp_path / "bars.parquet"
    assert main(["generate", "trend-up-mid", "--out", str(bars), "--home", str(tmp_path)]) == 0
    names = ("ts", "open", "high", "low", "close", "volume")
    columns = ", ".join(f'{name} = "{name}"' for name in names)
    again = tmp_path / "again.toml"
    source = f'{{ path = "bars.parquet", timezone = "UTC", columns = {{ {columns} }} }}'
    again.write_text(
        'version = "0.1.0"\nid = "again"\nfamily = "replay"\ntimeframe = "1h"\nseed = 1\n'
        f"[params]\nsource = {source}\n"
    )
    first = simcore.generate("trend-up-mid").select(names)
    assert simcore.generate(again).select(names).equals(first)


def test_what_is_no_file_is_not_written_over(tmp_path: Path) -> None:
    assert main(["generate", "trend-up-mid", "--out", str(tmp_path)]) == 2
    assert list(tmp_path.iterdir()) == []
