"""`simcore.compare` and `proving compare`: where runs part, and what came of it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import simcore
from pipelines.cli import main
from simcore import steps
from simcore.campaign import load
from simcore.contrast.divergence import Decision, parting
from simcore.contrast.names import Computed, Kept, Shaken, parsed
from simcore.contrast.run import Open, decisions, left_open
from simcore.errors import SpecError
from simcore.scenario.document import load as load_scenario
from simcore.scenario.manifest import generate_with_manifest
from simcore.scoring.comparison import jobson_korkie, mean_difference, sharpe_difference
from simcore.store import Store

HERE, THERE = "ma_cross@trend-up-mid", "ma_cross@trend-up-mid@stress_v1"
CAMPAIGN = {
    "version": "0.1.0",
    "id": "small",
    "name": "Small",
    "seed": 3,
    "days": 30,
    "scenarios": ["trend-up-mid", "vol-calm"],
    "strategies": ["ma_cross"],
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose lake has the runs of one strategy, once whole and once thinned."""
    home = Path(tmp_path_factory.mktemp("home"))
    store = Store(home / "lake")
    for changed in ({}, {"id": "thin", "equity_every_bars": 24}):
        campaign = load({**CAMPAIGN, **changed})
        steps.markets(store, campaign)
        steps.backtests(store, campaign, campaign.strategies[0])
    return home


def met(scenario: str) -> tuple[pl.DataFrame, float]:
    bars, manifest = generate_with_manifest(load_scenario(scenario))
    return bars, manifest["A"]


def step(ts: int, what: str) -> Decision:
    return Decision(ts, ts, (ts, what), {"action": what})


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([], [], None),
        ([(1, "in"), (5, "out")], [(1, "in"), (5, "out")], None),
        ([(1, "in")], [], (1, {"action": "in"}, None, 0)),
        ([(1, "in")], [(1, "in"), (4, "out")], (4, None, {"action": "out"}, 1)),
        ([(1, "in"), (3, "out")], [(1, "in"), (4, "out")], (3, {"action": "out"}, None, 1)),
        ([(1, "in"), (3, "a")], [(1, "in"), (3, "b")], (3, {"action": "a"}, {"action": "b"}, 1)),
    ],
)
def test_two_courses_part_where_one_acts_first(first: Any, second: Any, expected: Any) -> None:
    found = parting("x", [step(*each) for each in first], [step(*each) for each in second])
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert (found.bar, found.first, found.second, found.n_alike) == expected


def test_a_run_of_the_lake_is_the_run_that_is_computed(home: Path) -> None:
    (found,) = simcore.compare("small/ma_cross/trend-up-mid", HERE, home=home)
    assert found.are_same_bars
    assert found.differences == ()
    assert found.first_difference is None
    assert found.metrics.filter(pl.col("difference") != 0.0).is_empty()
    assert found.metrics["first"].drop_nulls().len() > 40
    assert found.paired == ()
    assert "the same" in found.unpaired


def test_the_first_decision_that_differs_is_the_first_that_a_delay_moves() -> None:
    delayed = {"base": "honest_v1", "bar_delay": 3}
    late = "ma_cross@trend-up-mid@late"
    (found,) = simcore.compare(HERE, late, executions={"late": delayed})
    bars, year = met("trend-up-mid")
    trades = simcore.backtest("ma_cross", bars, bars_per_year=year).trades
    first = found.first_difference
    assert first is not None
    assert (first.level, first.bar, first.second) == ("decision", trades["entry_bar"][0], None)
    assert first.first is not None
    assert first.first["action"] == "enter"
    assert first.first["px"] == trades["entry_px"][0]
    assert first.ts == bars["ts"][first.bar]


def test_runs_that_decide_alike_part_where_a_fill_differs() -> None:
    dear = {"base": "honest_v1", "fee_bps": 9.0}
    (found,) = simcore.compare(HERE, "ma_cross@trend-up-mid@dear", executions={"dear": dear})
    assert [each.level for each in found.differences] == ["fill", "equity"]
    fill, equity = found.differences
    assert fill.first is not None
    assert fill.second is not None
    # The fee is paid out of equity, so the first entry is of one size and the second is not.
    assert fill.n_alike > 0
    assert fill.first["qty"] > fill.second["qty"]
    assert found.first_difference is equity
    assert equity.bar < fill.bar  # type: ignore[operator]


def test_an_interval_is_that_of_the_paired_tests_second_less_first() -> None:
    (found,) = simcore.compare(HERE, THERE)
    bars, year = met("trend-up-mid")
    runs = [
        simcore.backtest("ma_cross", bars, execution=each, bars_per_year=year).returns
        for each in ("stress_v1", "honest_v1")
    ]
    by_name = {each.metric: each for each in found.paired}
    mean = mean_difference(runs[0], runs[1])
    assert mean is not None
    annual = by_name["return_annual"]
    assert annual.difference == pytest.approx(year * mean.difference)
    assert annual.lower == pytest.approx(year * mean.lower)
    assert annual.n_bars == bars.height
    sharpe = by_name["sharpe"]
    row = found.metrics.filter(pl.col("metric") == "sharpe").row(0, named=True)
    assert sharpe.difference == pytest.approx(row["difference"], rel=1e-9)
    assert sharpe.lower < sharpe.difference < sharpe.upper
    assert (sharpe.p_value < 0.05) == (sharpe.lower > 0.0 or sharpe.upper < 0.0)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(5)
    n_held = dict.fromkeys(("mean", "memmel", "blocks"), 0)
    for number in range(200):
        pair = rng.normal(0.0, 0.01, (250, 2)) + np.array([0.002, 0.0])
        made = {
            "mean": (mean_difference(pair[:, 0], pair[:, 1]), 0.002),
            "memmel": (jobson_korkie(pair[:, 0], pair[:, 1]), 0.2),
            "blocks": (
                sharpe_difference(pair[:, 0], pair[:, 1], seed=number, n_resamples=499), 0.2
            ),
        }  # fmt: skip
        for name, (found, truth) in made.items():
            assert found is not None
            n_held[name] += found.lower <= truth <= found.upper
    # 95 % of 200 is 190, with a standard error of 3.1; four of them below is 178.
    assert min(n_held.values()) >= 178
    assert max(n_held.values()) < 200


def test_thinned_closes_and_other_bars_have_no_interval_and_say_why(home: Path) -> None:
    (thin,) = simcore.compare("thin/ma_cross/trend-up-mid", HERE, home=home)
    assert thin.are_same_bars
    assert thin.differences == ()
    assert "keeps 30 of 720 closes" in thin.unpaired
    (other,) = simcore.compare(HERE, "ma_cross@vol-calm", home=home)
    assert not other.are_same_bars
    assert other.paired == ()
    assert "other bars" in other.unpaired


def test_entries_of_a_position_left_in_parts_are_one() -> None:
    trades = pl.DataFrame(
        {
            "id": [0, 1, 2], "entry_bar": [2, 2, 6], "exit_bar": [4, 6, 6], "side": [1, 1, -1],
            "qty": [1.0, 2.0, 5.0], "entry_px": [10.0] * 3, "exit_px": [11.0, 12.0, 12.5],
            "entry_tag": ["up", "up", None], "exit_reason": ["take_profit", "opposite", "stop"],
        }
    )  # fmt: skip
    course = decisions(trades, np.arange(8, dtype=np.int64))["fill"]
    assert [(each.bar, each.told["action"], each.told["qty"]) for each in course] == [
        (2, "enter", 3.0), (4, "exit", 1.0), (6, "exit", 2.0), (6, "enter", 5.0), (6, "exit", 5.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        ([0.0, 1.0, 0.0], None),
        ([0.0, 1.0, 2.0], Open(1, 1, 2.0)),
        ([1.0, -1.0, -3.0], Open(1, -1, 3.0)),
        ([2.0, 2.0], Open(0, 1, 2.0)),
        ([], None),
    ],
)
def test_what_is_left_open_was_entered_after_the_last_close_without_it(
    position: list[float], expected: Open | None
) -> None:
    assert left_open(np.array(position)) == expected


def test_a_position_that_is_still_open_was_entered_all_the_same() -> None:
    marked = {"base": "honest_v1", "finalize": "mark"}
    two = ("buy_and_hold@trend-up-mid", "buy_and_hold@trend-up-mid@marked")
    (found,) = simcore.compare(*two, executions={"marked": marked})
    by_level = {each.level: each for each in found.differences}
    last = by_level["decision"]
    # Both enter at one bar; the last bar alone closes one of them.
    assert (last.bar, last.second, last.n_alike) == (found.first.n_bars - 1, None, 1)
    assert last.first is not None
    assert last.first["action"] == "exit"
    (entered,) = found.second.levels["fill"]
    assert entered.told["action"] == "enter"
    assert entered.told["qty"] == found.first.levels["fill"][0].told["qty"]


def test_returns_that_differ_on_a_bar_or_two_have_no_interval_of_their_sharpe_ratios() -> None:
    rng = np.random.default_rng(3)
    one = rng.normal(0.0005, 0.01, 300)
    other = one.copy()
    other[-1] += 0.001
    assert sharpe_difference(one, other, seed=1) is None
    mean = mean_difference(one, other)
    assert mean is not None
    assert mean.lower < mean.difference < mean.upper


def test_arms_of_one_universe_part_where_the_first_fault_strikes() -> None:
    found, again = simcore.compare("c1-light::twin", "c1-light", "c1-light::twin")
    assert found.are_same_bars
    assert {each.level for each in found.differences} == {"intent", "order", "fill"}
    rows = {row["metric"]: row for row in found.metrics.to_dicts()}
    assert rows["injections"]["first"] == 0.0
    assert rows["injections"]["second"] > 0.0
    assert rows["violations_S01"]["difference"] == 0.0
    assert again.differences == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a@b", Computed("a", "b", None, "honest_v1")),
        ("a@b#2@stress_v1", Computed("a", "b", 2, "stress_v1")),
        ("my/a.toml@their/b.toml", Computed("my/a.toml", "their/b.toml", None, "honest_v1")),
        ("c/a/b", Kept("c", "a", "b", 0)),
        ("c/a/b/3", Kept("c", "a", "b", 3)),
        ("c", Shaken("c", None, "real")),
        ("c:7", Shaken("c", 7, "real")),
        ("my/c.toml:7:canary", Shaken("my/c.toml", 7, "canary")),
    ],
)
def test_a_text_names_one_run(text: str, expected: object) -> None:
    assert parsed(text) == expected


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        (("a@b",), "got 1 runs, expected 2 to 16"),
        (("", "a@b"), "expected STRATEGY@SCENARIO"),
        (("a@", "a@b@"), "got 'a@b@'"),
        (("a@b@c@d", HERE), "got 'a@b@c@d'"),
        (("a@b#x", HERE), "a path after #"),
        (("c/a", HERE), "expected CAMPAIGN/STRATEGY/SCENARIO[/PATH]"),
        (("c:1:nobody", "c"), "the arm one of real, twin, canary"),
        (("c:-1", "c"), "a seed after the campaign"),
        ((f"{HERE}@hones_v1", HERE), 'did you mean "honest_v1"'),
        ((f"{HERE}#3", HERE), "path: got path 3, expected 0 to 0"),
        ((HERE, "c1-light"), "an arm of chaos, expected runs of one kind"),
        (("c0-tiny", "c0-tiny"), "the campaign has no chaos"),
        (("smal/ma_cross/vol-calm", HERE), 'did you mean "small"?'),
        (("small/ma_cros/vol-calm", HERE), 'did you mean "ma_cross"?'),
        (("small/ma_cross/vol-calmer", HERE), "expected one of trend-up-mid/0, vol-calm/0"),
        (("small/ma_cross/vol-calm/1", HERE), "no run 'vol-calm/1'"),
    ],
)  # fmt: skip
def test_what_names_no_run_is_refused_with_what_would(
    runs: tuple[str, ...], said: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *runs, "--home", str(home)]) == 2
    assert said in capsys.readouterr().err


def test_without_a_home_no_lake_is_looked_for() -> None:
    with pytest.raises(SpecError, match="without a home"):
        simcore.compare("small/ma_cross/vol-calm", HERE)


def test_the_command_says_decisions_first_and_gives_programs_everything(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["compare", HERE, f"{HERE}@honest_v1+bar_delay=2", "--home", str(home)]
    assert main(asked) == 0
    out = capsys.readouterr().out
    assert out.index("first differing decision at bar 67 (2000-01-05T19:00:00") < out.index(
        "sharpe"
    )
    assert "95 %" in out
    assert main([*asked, "--json"]) == 0
    data = json.loads(capsys.readouterr().out, parse_constant=lambda _: math.nan)
    assert [run["execution"][:9] for run in data["runs"]] == ["honest_v1", "honest_v1"]
    (contrast,) = data["contrasts"]
    assert contrast["first_difference"]["bar"] == 67
    assert contrast["first_difference"]["second"] is None
    values = [row["difference"] for row in contrast["metrics"]]
    assert not any(value is not None and math.isnan(value) for value in values)
    assert {each["metric"] for each in contrast["paired"]} == {"sharpe", "return_annual"}
