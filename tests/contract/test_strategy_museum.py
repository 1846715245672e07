"""Documents of every earlier version open for ever, and stay the strategies they were."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from simcore.strategy.check import check_strategy
from simcore.strategy.strategy import compile_strategy

MUSEUM = Path(__file__).parents[1] / "documents" / "museum"
PIECES = sorted(MUSEUM.glob("*/*.toml"))


def test_the_museum_has_a_room_for_every_version_with_a_hash_of_each_piece() -> None:
    assert len(PIECES) >= 5
    for room in sorted(MUSEUM.iterdir()):
        hashes = json.loads((room / "hashes.json").read_text())
        assert set(hashes) == {path.stem for path in room.glob("*.toml")}


@pytest.mark.parametrize("path", PIECES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_old_document_opens_and_has_the_hashes_it_had(path: Path) -> None:
    known: dict[str, Any] = json.loads((path.parent / "hashes.json").read_text())[path.stem]
    strategy = compile_strategy(path.read_text())
    assert strategy.document["version"] == path.parent.name
    assert {name: getattr(strategy, name) for name in known} == known


@pytest.mark.parametrize("version", ["0.1.0", "0.1.1", "0.1.42", "0.1.12345678901234567890"])
def test_a_later_patch_of_the_language_is_read(version: str) -> None:
    text = re.sub(r'"0\.1\.0"', f'"{version}"', PIECES[0].read_text(), count=1)
    later = compile_strategy(text)
    assert later.ir_hash == compile_strategy(PIECES[0].read_text()).ir_hash


@pytest.mark.parametrize("version", ["0.2.0", "1.1.0", "0.1", "0.1.0-rc1", "0.1.x", "٠.١.٠"])
def test_another_minor_or_major_is_refused(version: str) -> None:
    text = re.sub(r'"0\.1\.0"', f'"{version}"', PIECES[0].read_text(), count=1)
    (problem,) = check_strategy(text)
    assert (problem.reason, problem.path) == ("VERSION_UNSUPPORTED", "/version")


def test_a_field_of_a_later_version_is_refused_and_named() -> None:
    text = (
        PIECES[0].read_text().replace('"0.1.0"', '"0.1.5"').replace("[params]", "[parts]\n[params]")
    )
    (problem,) = check_strategy(text)
    assert (problem.reason, problem.path) == ("UNKNOWN_FIELD", "/parts")
