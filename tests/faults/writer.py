"""Processes that make the small campaign over and over until they are killed; told when to begin.

Everything is imported once; each writer is then a fork, so that a kill costs no start. One line in
begins a round; one line out is the writer's process id, the next how it ended.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.faults import small


def write_forever(root: Path, first: Path, second: Path) -> None:
    """Make all, replace the runs by those of other documents, make all again, discard all."""
    from simcore.store import Store

    store, one, other = Store(root / "lake"), small.campaign(first), small.campaign(second)
    store.sweep()
    while True:
        small.make(store, one)
        small.make_runs(store, other)
        small.make(store, one)
        small.discard(store)


def run_forever(root: Path, *_: Path) -> None:
    """Materialise all through Dagster, on an instance on disk, and discard all."""
    from pipelines import headless
    from simcore.store import Store

    small.prepare(root)
    while True:
        headless.run(small.CAMPAIGN, home=root, progress=lambda _: None)
        small.discard(Store(root / "lake"))


def once_by_steps(root: Path, first: Path) -> None:
    from simcore.store import Store

    small.make(Store(root / "lake"), small.campaign(first))


def once_by_run(root: Path, _: Path) -> None:
    from pipelines import headless

    headless.run(small.CAMPAIGN, home=small.prepare(root), progress=lambda _: None)


KINDS = {"steps": (once_by_steps, write_forever), "run": (once_by_run, run_forever)}


def modules_of(work: Callable[[], None]) -> list[str]:
    """Return what doing the work once imports, found out by a child of its own.

    The threads of what it uses die with it: a fork takes over none.
    """
    reading, writing = os.pipe()
    if os.fork() == 0:
        work()
        os.write(writing, "\n".join(sys.modules).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as names:
        found = names.read().split("\n")
    os.wait()
    return found


def forked(work: Callable[[], None]) -> int:
    """Begin the work in a fork and return its process id."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    return child


def main(kind: str, root: Path, scratch: Path, first: Path, second: Path) -> None:
    once, forever = KINDS[kind]
    for name in modules_of(lambda: once(scratch, first)):
        with suppress(ImportError, AttributeError, ValueError):
            importlib.import_module(name)
    print("ready", flush=True)
    for _ in sys.stdin:
        child = forked(lambda: forever(root, first, second))
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *(Path(argument) for argument in sys.argv[2:]))
