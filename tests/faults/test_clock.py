"""A clock that jumps: nothing that is computed looks at it."""

from __future__ import annotations

from pathlib import Path

from tests.faults import clocks
from tests.faults.conftest import Undisturbed


def test_under_a_clock_that_jumps_by_months_the_steps_come_to_the_same_content(
    tmp_path: Path, undisturbed: Undisturbed
) -> None:
    found = clocks.told("steps", tmp_path)
    assert found["went_back"] > 5
    assert found["reused"]
    assert all(found["reused"])
    assert found["doctor"] == []
    assert {(table, key): content for table, key, content in found["hashes"]} == undisturbed.hashes
