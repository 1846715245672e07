"""What every shipped strategy must be."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from simcore.documents import LIBRARY
from simcore.strategy.check import check_strategy
from simcore.strategy.strategy import compile_strategy

PATHS = sorted((LIBRARY / "strategies").iterdir())

# Doing nothing and always holding are what the others are measured by.
# One is there to be caught.
DOUBTS = {
    "zero_rule": {"NO_ENTRY", "ALWAYS_TRUE"},
    "buy_and_hold": {"ALWAYS_TRUE"},
    "overfit_trap": {"OVERFIT_RISK"},
}


def test_there_are_five_strategies_two_of_them_baselines() -> None:
    assert {path.stem for path in PATHS} >= {
        "ma_cross",
        "rsi_reversion",
        "atr_breakout",
        "zero_rule",
        "buy_and_hold",
    }


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
class TestEveryStrategy:
    def test_compiles_without_a_doubt_that_is_not_meant(self, path: Path) -> None:
        found = {problem.reason for problem in check_strategy(path.stem)}
        assert found == DOUBTS.get(path.stem, set())
        assert compile_strategy(path.stem).id == path.stem

    def test_is_named_after_its_file_and_has_thesis_and_source(self, path: Path) -> None:
        document = tomllib.loads(path.read_text())
        assert document["id"] == path.stem
        assert len(document["metadata"]["notes"]) > 40
        assert any(tag.startswith("source: ") for tag in document["metadata"]["tags"])

    def test_is_one_strategy_in_either_format(self, path: Path) -> None:
        as_json = compile_strategy(json.dumps(tomllib.loads(path.read_text())))
        assert as_json == compile_strategy(path.stem)

    def test_says_of_each_step_how_far_back_it_reads(self, path: Path) -> None:
        strategy = compile_strategy(path.stem)
        program = json.loads(strategy.program_json)
        assert all(step["dep"] is None or step["dep"] <= 0 for step in program["code"])
        assert strategy.lookback_bars == max(step["w"] for step in program["code"])
