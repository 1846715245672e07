"""Configuration to plain objects: what an asset is handed knows nothing of Dagster."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import dagster as dg

from pipelines.home import lake
from simcore.errors import StoreError
from simcore.store import Store


class HomeResource(dg.ConfigurableResource[Path]):
    """The home, as a path.

    Args:
        path: Absolute path of the home.
    """

    path: str

    def create_resource(self, context: dg.InitResourceContext) -> Path:
        """Return the home."""
        return Path(self.path)


class ClockResource(dg.ConfigurableResource[Callable[[], float]]):
    """The clock by which assets tell how long they took: nobody below this layer reads one."""

    def create_resource(self, context: dg.InitResourceContext) -> Callable[[], float]:
        """Return what tells seconds since some moment."""
        return time.monotonic


class StoreResource(dg.ConfigurableResource[Store]):
    """The lake; and, while a run holds it, the sign that the run is alive.

    Args:
        home: Absolute path of the home.
    """

    home: str

    def create_resource(self, context: dg.InitResourceContext) -> Store:
        """Return the store."""
        return Store(lake(Path(self.home)))

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator[Store, None, None]:
        """Hold the run's lock while it works: the system lets go of it however the run ends.

        Raises:
            StoreError: ``NO_LOCK``: the home's journal cannot be written to.
        """
        run = context.run
        if run is None:  # outside of a run, as in a test that calls an asset
            yield self.create_resource(context)
            return
        path = run_lock(Path(self.home), run.run_id)
        with _locked(path) as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            try:
                yield self.create_resource(context)
            finally:
                path.unlink(missing_ok=True)


def _locked(path: Path) -> IO[str]:
    """Open the file of a lock, or say in words what keeps a run from taking it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("w")
    except OSError as cause:
        raise StoreError(
            "NO_LOCK",
            f"{path}: got {cause.strerror or cause}, expected to keep there the lock by which a "
            "living run is told from a dead one; nothing was made [let this user write to the "
            "home's journal, or free space, then run again]",
        ) from None


def run_lock(home: Path, run_id: str) -> Path:
    """Return the file that a living run keeps locked."""
    return home / "journal" / "runs" / f"{run_id}.lock"


def is_alive(home: Path, run_id: str) -> bool | None:
    """Return whether a run holds its lock; None where it never took one."""
    try:
        with run_lock(home, run_id).open("r") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return True
    return False
