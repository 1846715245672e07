"""The answers that are written down, from processes of their own with one thread and with many."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent.parent / "golden" / "test_golden.py"


@pytest.mark.parametrize("n_threads", [1, 2, 16])
def test_any_number_of_threads_gives_the_answers_written_down(n_threads: int) -> None:
    wanted = ["-p", "no:cacheprovider", "-k", "written_down and not chaos"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", str(GOLDEN), *wanted],
        env={**os.environ, "RAYON_NUM_THREADS": str(n_threads)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout
