"""Intervals of standings: how wide they are, and that there are none where nobody can know."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from league import DOCUMENT, Outcome, by_id, document, entry, league, returns, runs

from simcore.strategy.strategy import compile_strategy
from simcore.tables import TABLES
from simcore.tournaments.intervals import Known, rank_interval
from simcore.tournaments.play import Played, play, tournament

NO_INTERVAL = ("score_ci_lo", "score_ci_hi", "sharpe_ci_lo", "sharpe_ci_hi", "elo_lo", "elo_hi")


@pytest.mark.parametrize(
    "families",
    [
        {"bull": "trend"},
        {"bull": "trend", "calm": "vol_cluster"},
        {"bull": "trend", "bear": "trend", "calm": "vol_cluster"},
    ],
    ids=["one market", "one a family", "two of one family and one of another"],
)
def test_one_market_of_a_family_is_not_sold_as_certainty(families: dict[str, str]) -> None:
    n = len(families)
    played = play(
        document(),
        [entry("alpha"), entry("beta"), entry("gamma")],
        runs(
            {
                "alpha": [(0.3, 1.0), (0.1, 2.0), (0.2, 0.5)][:n],
                "beta": [(0.1, 0.5), (0.2, 1.0), (0.1, 0.1)][:n],
                "gamma": [(0.0, -0.5), (0.0, 0.0), (0.0, 0.1)][:n],
            },
            [(scenario_id, 0) for scenario_id in families],
        ),
        families,
    )
    for row in played.standings.iter_rows(named=True):
        assert [row[name] for name in NO_INTERVAL] == [None] * len(NO_INTERVAL)
        assert None not in (row["score_mean"], row["sharpe_mean"], row["elo_bt"])
        assert (row["rank_lo"], row["rank_hi"]) == (1, 3)
        assert "ONE_PER_FAMILY" in row["flags"].split()
    assert by_id(played)["alpha"]["rank"] == 1
    assert TABLES["standings"].violations(played.standings) == []


def test_two_markets_a_family_have_an_interval() -> None:
    outcomes = {"alpha": [(0.1, 1.0), (0.2, 2.0)] * 2, "beta": [(0.0, 0.5), (0.3, 0.1)] * 2}
    for row in league(outcomes).standings.iter_rows(named=True):
        assert None not in [row[name] for name in NO_INTERVAL]
        assert "ONE_PER_FAMILY" not in row["flags"].split()


def test_markets_on_which_nobody_ran_an_entry_take_no_interval_from_it() -> None:
    outcomes: dict[str, list[Outcome | None]] = {
        "alpha": [(0.1, 1.0), (0.2, 2.0)] * 2,
        "short": [(0.0, 0.5), (0.3, 0.1), None, None],
    }
    row = by_id(league(outcomes))["short"]
    assert None not in [row[name] for name in NO_INTERVAL]


def test_a_sharpe_ratio_known_on_one_market_of_a_family_has_no_interval() -> None:
    row = by_id(
        league(
            {
                "alpha": [(0.1, 1.0), (0.2, None), (0.1, 1.0), (0.2, 2.0)],
                "beta": [(0.0, 0.5), (0.3, 0.1)] * 2,
            }
        )
    )["alpha"]
    assert row["sharpe_ci_lo"] is None and row["sharpe_ci_hi"] is None
    assert row["score_ci_lo"] < row["score_mean"] < row["score_ci_hi"]


def test_a_conflict_of_margins_is_not_judged_on_one_market_a_family() -> None:
    families = {"bull": "trend", "calm": "vol_cluster", "wild": "jumps"}
    outcomes = {"grinder": returns(0.01, 0.01, -0.9), "steady": returns(0.0, 0.0, 0.0)}
    played = play(
        document(),
        [entry("grinder"), entry("steady")],
        runs(outcomes, [(scenario_id, 0) for scenario_id in families]),
        families,
    )
    rows = by_id(played)
    assert rows["grinder"]["elo_bt"] > rows["steady"]["elo_bt"]
    assert rows["grinder"]["score_mean"] < rows["steady"]["score_mean"]
    assert not any("MARGIN_CONFLICT" in row["flags"].split() for row in rows.values())


def with_a_stranger(stranger: Sequence[Outcome], n_hourly: int = 12) -> Played:
    """Three who met on hourly markets, and one who ran on daily ones alone."""
    n_daily = len(stranger)
    values = np.random.default_rng(4).normal(0.0, 0.1, (3, n_hourly))
    hourly = {
        name: [*returns(*row), *[None] * n_daily]
        for name, row in zip(("alpha", "beta", "gamma"), values, strict=True)
    }
    outcomes: dict[str, list[Outcome | None]] = {**hourly, "stranger": [None] * n_hourly}
    outcomes["stranger"] += stranger
    return play(
        document(),
        [entry(name) for name in outcomes],
        runs(
            outcomes,
            [("hourly", path) for path in range(n_hourly)]
            + [("daily", path) for path in range(n_daily)],
        ),
        {"hourly": "trend", "daily": "trend"},
    )


def test_who_met_nobody_is_not_rated_and_may_have_any_rank() -> None:
    played = with_a_stranger([(-0.9, 0.0), (-0.8, 0.1)])
    rows = by_id(played)
    stranger = rows.pop("stranger")
    assert stranger["games"] == 0 and "NO_GAMES" in stranger["flags"].split()
    assert [stranger[name] for name in ("elo_bt", "elo_lo", "elo_hi")] == [None] * 3
    assert (stranger["rank_lo"], stranger["rank_hi"]) == (1, 4)
    assert {"MARGIN_CONFLICT", "PRIOR"}.isdisjoint(stranger["flags"].split())
    assert TABLES["standings"].violations(played.standings) == []
    for row in rows.values():
        assert "NO_GAMES" not in row["flags"].split()


def test_who_met_nobody_changes_no_rating_of_the_others_and_may_stand_above_them() -> None:
    bad, good = (with_a_stranger([(value, 0.0)] * 2) for value in (-0.9, 0.9))
    alone = play(
        document(),
        [entry(name) for name in ("alpha", "beta", "gamma")],
        runs(
            {
                name: returns(*row)
                for name, row in zip(
                    ("alpha", "beta", "gamma"),
                    np.random.default_rng(4).normal(0.0, 0.1, (3, 12)),
                    strict=True,
                )
            },
            [("hourly", path) for path in range(12)],
        ),
        {"hourly": "trend"},
    )
    for name, expected in by_id(alone).items():
        for row in (by_id(bad)[name], by_id(good)[name]):
            assert row["elo_bt"] == expected["elo_bt"]
            assert "PRIOR" not in row["flags"].split()
            assert row["rank_lo"] <= expected["rank_lo"]
            assert row["rank_hi"] == expected["rank_hi"] + 1
    assert good.facts["leader_superiority"] is None
    assert 0.0 < bad.facts["leader_superiority"] < 1.0
    assert len(good.facts["ci_naive"]) == 3


def test_a_prior_is_told_by_the_rated_only() -> None:
    outcomes: dict[str, list[Outcome | None]] = {
        "alpha": [*returns(0.1, 0.1), None, None],
        "beta": [*returns(0.0, 0.0), None, None],
        "stranger": [None, None, *returns(0.1, 0.1)],
    }
    flags = {name: row["flags"].split() for name, row in by_id(league(outcomes)).items()}
    assert "PRIOR" in flags["alpha"] and "PRIOR" in flags["beta"]
    assert "PRIOR" not in flags["stranger"]


def test_among_equal_scores_the_unrated_stand_last(tmp_path: Path) -> None:
    walk = {"version": "0.1.0", "family": "trend", "duration_bars": 300, "seed": 5}
    walk |= {"volume_model": "const", "params": {"drift": 1.0, "sigma": 100.0}}
    idle = dict(compile_strategy("zero_rule").document)
    for kind, stem, body in (
        ("scenarios", "hourly", {**walk, "timeframe": "1h"}),
        ("scenarios", "daily", {**walk, "timeframe": "1d"}),
        ("strategies", "idle_daily", {**idle, "timeframe": "1d"}),
    ):
        (tmp_path / kind).mkdir(exist_ok=True)
        (tmp_path / kind / f"{stem}.json").write_text(json.dumps({**body, "id": stem}))
    entries = ["buy_and_hold", "idle_daily", "zero_rule"]
    asked = {**DOCUMENT, "entries": entries, "scenarios": ["hourly", "daily"]}
    in_order = tournament(asked, home=tmp_path).standings
    tied = in_order.filter(pl.col("score_mean") == 0.0)
    assert tied["strategy_id"].to_list() == ["zero_rule", "idle_daily"]
    assert tied["rank"].n_unique() == 1
    assert tied["elo_bt"].is_null().to_list() == [False, True]


def test_an_interval_is_that_of_the_mean_when_there_are_many_markets() -> None:
    n = 200
    generator = np.random.default_rng(5)
    values = generator.normal(0.02, 0.05, n)
    played = play(
        document(),
        [entry("alpha"), entry("beta")],
        runs(
            {"alpha": returns(*values), "beta": returns(*[0.0] * n)},
            [("bull", path) for path in range(n)],
        ),
        {"bull": "trend"},
    )
    row = by_id(played)["alpha"]
    half_width = 1.96 * 60.0 * values.std(ddof=1) / np.sqrt(n)
    assert row["score_mean"] - row["score_ci_lo"] == pytest.approx(half_width, rel=0.1)
    assert row["score_ci_hi"] - row["score_mean"] == pytest.approx(half_width, rel=0.1)


def test_a_wider_alpha_gives_a_narrower_interval() -> None:
    n = 12
    values = np.random.default_rng(3).normal(0.0, 0.1, n)

    def width(alpha: float) -> float:
        played = play(
            document(alpha=alpha),
            [entry("alpha"), entry("beta")],
            runs(
                {"alpha": returns(*values), "beta": returns(*[0.0] * n)},
                [("bull", path) for path in range(n)],
            ),
            {"bull": "trend"},
        )
        row = by_id(played)["alpha"]
        return float(row["score_ci_hi"] - row["score_ci_lo"])

    assert width(0.01) > width(0.05) > width(0.5) > 0.0


def test_a_rank_interval_leaves_half_of_the_error_on_either_side() -> None:
    # First in 3 of 100 resamples and last in 3: more than a fortieth each, less than a twentieth.
    drawn = np.repeat([1, 2, 3], [3, 94, 3])[:, None]
    everywhere = np.ones(1, dtype=np.bool_)
    seen = Known(everywhere, everywhere, everywhere)
    low, high = rank_interval(drawn, np.array([2]), seen, 0.05)
    assert (low[0], high[0]) == (1, 3)
    low, high = rank_interval(drawn, np.array([2]), seen, 0.1)
    assert (low[0], high[0]) == (2, 2)
