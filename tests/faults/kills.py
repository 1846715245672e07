"""Writers that are killed: one process begins them, another does the killing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.conftest import Undisturbed


@dataclass
class Writers:
    """The process that begins a writer for each round."""

    process: subprocess.Popen[str]

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def killed_after(self, seconds: float, *, pause_seconds: float) -> int:
        """Let a writer work so long, kill it, and return how it ended.

        Args:
            seconds: Of processor time, so that a kill on a busy machine lands where it would on a
                quiet one.
            pause_seconds: To let pass then, as a writer that waits for the disk uses no processor.
        """
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        writer = int(self.line())
        while worked_seconds(writer) < seconds:
            time.sleep(0.002)
        time.sleep(pause_seconds)
        os.kill(writer, signal.SIGKILL)
        return int(self.line())


def worked_seconds(process: int) -> float:
    """Return the processor time that a living process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def begun(kind: str, folder: Path, undisturbed: Undisturbed) -> Iterator[Writers]:
    """Give the process that begins the writers of a kind; the lake is ``<folder>/lake``.

    Args:
        kind: ``steps`` or ``run``, as `tests.faults.writer` has them.
        folder: Where they write.
        undisturbed: Has the documents.
    """
    command = [sys.executable, "-W", "ignore", "-m", "tests.faults.writer", kind]
    scratch = folder.with_name(f"{folder.name}-scratch")
    with subprocess.Popen(
        [*command, *map(str, (folder, scratch, *undisturbed.homes))],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        found = Writers(process)
        assert found.line() == "ready"
        yield found
        assert process.stdin is not None
        process.stdin.close()
