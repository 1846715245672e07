"""Splits and dividends of replayed bars: what was held is worth the same before and after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import history
import numpy as np
import pytest
from history import HEADER, document, with_params

import simcore
from simcore.backtests.run import run_strategy
from simcore.scenario.document import effective, load
from simcore.scenario.manifest import generate_with_manifest

N = 120
SPLIT = 60
CASH = 10_000.0


def days() -> list[str]:
    return [str(np.datetime64("2020-01-01") + day) for day in range(N)]


def whole_prices() -> np.ndarray[Any, Any]:
    """Return closes that rise and fall smoothly, as if there had been no split."""
    return 100.0 + 10.0 * np.sin(np.arange(N) / 9.0)


def write(path: Path, close: np.ndarray[Any, Any], volume: float = 8.0) -> Path:
    # A bar opens where the one before closed, so that nothing but a split makes it jump.
    rows = [f"{day},{c},{c},{c},{c},{volume}" for day, c in zip(days(), close, strict=True)]
    path.write_text("\n".join([HEADER, *rows, ""]))
    return path


@pytest.fixture
def split(tmp_path: Path) -> Path:
    close = whole_prices()
    close[SPLIT:] /= 2.0
    return write(tmp_path / "split.csv", close)


def action(kind: str, **changes: Any) -> dict[str, Any]:
    return {"type": kind, "ts": days()[SPLIT], **changes}


def equity(scenario: dict[str, Any]) -> np.ndarray[Any, Any]:
    strategy = simcore.compile_strategy(
        {**simcore.compile_strategy("buy_and_hold").document, "timeframe": "1d"}
    )
    bars, manifest = generate_with_manifest(load(scenario))
    _, _, equity, *_ = run_strategy(strategy, [(manifest, bars)], "honest_v1", CASH)
    return np.asarray(equity["equity_quote"].to_numpy())


class TestSplits:
    def test_leave_the_equity_of_a_holder_whole(self, split: Path, tmp_path: Path) -> None:
        raw = document(split)
        adjusted = with_params(raw, actions=[action("split", ratio=2)])
        curve = equity(adjusted)
        steps = np.abs(np.diff(np.log(curve)))
        # The price moves by less than 1.2 % a bar; without the adjustment half is gone at once.
        assert steps[SPLIT - 1] < 0.012
        assert np.abs(np.diff(np.log(equity(raw))))[SPLIT - 1] > 0.5
        never_split = document(write(tmp_path / "whole.csv", whole_prices() / 2.0))
        np.testing.assert_allclose(curve, equity(never_split), rtol=1e-12)

    def test_reach_the_engine_as_instants_on_the_clock_of_the_file(self, split: Path) -> None:
        raw = document(split, timezone="America/New_York")
        scenario = load(with_params(raw, actions=[action("split", ratio=2)]))
        assert effective(scenario)["params"]["actions"] == [
            {"type": "split", "ts": "2020-03-01T05:00:00Z", "ratio": 2}
        ]
        stated = action("split", ratio=2, ts="2020-03-01T05:00:00Z")
        same = load(with_params(raw, actions=[stated]))
        assert effective(same) == effective(scenario)

    def test_are_counted_in_the_manifest(self, split: Path) -> None:
        outside = action("split", ratio=3, ts="2021-01-01")
        scenario = with_params(
            document(split), actions=[action("split", ratio=2), outside]
        )  # fmt: skip
        quality = json.loads(simcore.scenario_manifest(scenario)["quality"])
        assert quality["actions"] == {"applied": 1, "outside": 1}
        assert quality["outliers"]["bars"] == 0

    def test_that_nobody_listed_are_an_outlier(self, split: Path) -> None:
        quality = json.loads(simcore.scenario_manifest(document(split))["quality"])
        assert quality["outliers"]["first"] == [{"asset": "A", "t": SPLIT}]

    def test_stay_in_the_prices_of_whoever_asks_for_it(self, split: Path) -> None:
        as_given = with_params(document(split), actions=[action("split", ratio=2)], adjust="none")
        bars = simcore.generate(as_given)
        assert bars["close"].to_list() == simcore.generate(document(split))["close"].to_list()


class TestDividends:
    def test_are_earned_by_a_holder_only_in_the_total_return(self, tmp_path: Path) -> None:
        close = np.full(N, 100.0)
        # The price falls by what is paid out.
        close[SPLIT:] = 96.0
        path = write(tmp_path / "paid.csv", close)
        paid = with_params(document(path), actions=[action("dividend", amount=4.0)])
        total = simcore.generate(with_params(paid, adjust="total_return"))
        np.testing.assert_allclose(total["close"].to_numpy(), 96.0, rtol=1e-15)
        assert total["volume"].to_list() == [8.0] * N
        assert simcore.generate(paid)["close"].to_list() == list(close)


@pytest.mark.parametrize(
    ("actions", "place", "expected"),
    [
        ({"type": "split"}, "/params/actions", "expected a list of"),
        (
            [action("merger", ratio=1)],
            "/params/actions/0/type",
            "expected one of split, dividend",
        ),
        ([action("split")], "/params/actions/0/ratio", "above 0 to 1000000"),
        ([action("split", ratio=-2)], "/params/actions/0/ratio", "expected above 0 to 1000000"),
        ([action("split", ratio=2, ts="2020-02-30")], "/params/actions/0/ts", "`2020-02-30`"),
        ([action("split", ratio=2, ts=5)], "/params/actions/0/ts", "a text"),
        ([action("split", ratio=2, note="")], "/params/actions/0/note", "one of type, ts, ratio"),
        ([action("dividend", amount=1e4)], "/params/actions/0/amount", "expected less than"),
    ],
)
def test_actions_that_cannot_be_are_refused_with_place_and_range(
    split: Path, actions: Any, place: str, expected: str
) -> None:
    scenario = with_params(document(split), actions=actions, adjust="total_return")
    problem = history.refused(scenario)[0]
    assert problem.path == place
    assert expected in problem.message
