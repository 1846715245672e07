"""Runs that keep their scores only are the runs that keep everything."""

from __future__ import annotations

import pytest

from simcore.backtests.run import run_strategy, scored_runs
from simcore.scenario.document import load
from simcore.scenario.manifest import generate_with_manifest
from simcore.strategy.strategy import compile_strategy


@pytest.mark.parametrize("strategy_id", ["ma_cross", "zero_rule"])
def test_scored_runs_have_the_rows_of_whole_ones(strategy_id: str) -> None:
    strategy = compile_strategy(strategy_id)
    bars, manifest = generate_with_manifest(load("trend-up-mid"))
    met = [(manifest, bars)]
    whole = run_strategy(strategy, met, "stress_v1", 5_000.0)[0]
    scored = scored_runs([strategy], met, "stress_v1", 5_000.0)
    assert scored.drop("equity_rows").equals(whole.drop("equity_rows"))
    assert scored["equity_rows"].sum() == 0 < whole["equity_rows"].sum()
    assert scored_runs([strategy], [], "stress_v1", 5_000.0).is_empty()
