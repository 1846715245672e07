"""Two hundred kills, or as many as there is time for: no partition is ever torn or wrong."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from simcore.store import Store
from tests.faults import small
from tests.faults.conftest import Undisturbed
from tests.faults.kills import Writers, begun

ROUNDS = int(os.environ.get("PROVING_KILL_ROUNDS", "12"))
SPAN_SECONDS = 2.0
"""Of processor time: longer than a pass of the writer, so that a kill lands anywhere in it."""
PAUSE_SECONDS = 0.02


@dataclass
class Found:
    """What the kills left behind, counted."""

    drafts: int = 0
    sizes: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{len(self.sizes)} kills: {self.drafts} drafts of dead writers swept, 0 partitions "
            f"torn or wrong, {min(self.sizes)} to {max(self.sizes)} partitions whole after a kill"
        )


@pytest.fixture
def writers(undisturbed: Undisturbed, tmp_path: Path) -> Iterator[Writers]:
    with begun("steps", tmp_path, undisturbed) as found:
        yield found


def test_kills_at_any_moment_leave_every_partition_whole_and_right_or_absent(
    undisturbed: Undisturbed, writers: Writers, tmp_path: Path
) -> None:
    store, found = Store(tmp_path / "lake"), Found()
    moments = random.Random(20_261_121)
    for n in range(ROUNDS):
        ended = writers.killed_after(
            moments.uniform(0.0, SPAN_SECONDS), pause_seconds=moments.uniform(0.0, PAUSE_SECONDS)
        )
        assert ended == -signal.SIGKILL, n
        assert small.wrong(store, undisturbed.known) == [], n
        found.drafts += len(store.sweep())
        assert not list((store.root / ".staging").glob("*")), n
        found.sizes.append(len(list(small.partitions(store))))
    print(found)
    assert len(set(found.sizes)) > 1, "every kill found the same lake: none of them hit the work"
    small.make(store, small.campaign(undisturbed.homes[0]))
    assert small.hashes(store) == undisturbed.hashes
