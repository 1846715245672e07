"""Standings: from rows of `backtests` to ranks and ratings."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from league import (
    FOUR_MARKETS,
    TWO_FAMILIES,
    Outcome,
    by_id,
    document,
    entry,
    league,
    returns,
    runs,
)

from simcore.errors import SpecError, TableError
from simcore.tables import TABLES
from simcore.tournaments.field import rank_correlation
from simcore.tournaments.play import play


def test_a_small_league_has_the_standings_one_works_out_by_hand() -> None:
    played = league(
        {
            "alpha": returns(0.10, 0.10, 0.10, 0.10),
            "beta": returns(0.20, 0.00, 0.10, 0.00),
            "gamma": returns(0.00, 0.05, 0.00, 0.05),
        }
    )
    rows = by_id(played)
    assert [rows[name]["rank"] for name in ("alpha", "beta", "gamma")] == [1, 2, 3]
    assert rows["alpha"]["score_mean"] == pytest.approx(6.0, abs=1e-12)
    assert rows["beta"]["score_mean"] == pytest.approx(4.5, abs=1e-12)
    assert rows["gamma"]["score_mean"] == pytest.approx(1.5, abs=1e-12)
    # alpha: beats beta on bear and wild, draws calm; beats gamma everywhere.
    assert (rows["alpha"]["wins"], rows["alpha"]["draws"], rows["alpha"]["losses"]) == (6, 1, 1)
    assert rows["alpha"]["points"] == 6.5
    assert rows["alpha"]["games"] == 8 and rows["alpha"]["runs"] == 4
    assert rows["beta"]["roi_mean"] == pytest.approx(0.075, abs=1e-15)
    assert rows["beta"]["max_drawdown_worst"] == -0.10
    assert rows["beta"]["n_trades"] == 12
    assert played.games.height == 12
    assert TABLES["standings"].violations(played.standings) == []
    assert TABLES["games"].violations(played.games) == []


def test_families_count_equally_however_many_markets_they_have() -> None:
    markets = [("bull", path) for path in range(9)] + [("calm", 0)]
    played = play(
        document(),
        [entry("alpha"), entry("beta")],
        runs({"alpha": returns(*[0.1] * 9, 0.5), "beta": returns(*[0.0] * 10)}, markets),
        {"bull": "trend", "calm": "vol_cluster"},
    )
    assert by_id(played)["alpha"]["score_mean"] == pytest.approx(60.0 * 0.3, abs=1e-12)


def test_ties_share_a_rank_and_the_next_one_is_skipped() -> None:
    rows = by_id(
        league(
            {
                "delta": returns(0.3, 0.3, 0.3, 0.3),
                "alpha": returns(0.1, 0.2, 0.1, 0.2),
                "beta": returns(0.2, 0.1, 0.2, 0.1),
                "gamma": returns(0.0, 0.0, 0.0, 0.0),
            }
        )
    )
    assert [rows[n]["rank"] for n in ("delta", "alpha", "beta", "gamma")] == [1, 2, 2, 4]
    assert rows["alpha"]["elo_bt"] == rows["beta"]["elo_bt"]


def test_scores_are_level_with_who_leads_them_and_not_with_who_is_just_ahead() -> None:
    # A billionth of a return is 6e-8 points: each is level with the next, the ends are not.
    scores = {"alpha": 0.1, "beta": 0.1 - 1e-9, "gamma": 0.1 - 2e-9, "delta": 0.1 - 3e-9}
    rows = by_id(league({name: returns(*[value] * 4) for name, value in scores.items()}))
    assert [rows[name]["rank"] for name in scores] == [1, 1, 3, 3]


def test_of_equal_scores_the_better_rated_leads() -> None:
    # Three small wins against one large loss, whoever has the lower hash.
    often, seldom = returns(0.1, 0.1, 0.1, 0.0), returns(0.0, 0.0, 0.0, 0.3)
    for alpha, beta in ((often, seldom), (seldom, often)):
        played = league({"alpha": alpha, "beta": beta})
        rows = by_id(played)
        assert rows["alpha"]["rank"] == rows["beta"]["rank"] == 1
        assert played.facts["leader_superiority"] > 0.5


def test_equal_runs_are_draws_and_equal_in_every_column() -> None:
    rows = by_id(
        league({"alpha": returns(0.1, -0.1, 0.2, 0.0), "beta": returns(0.1, -0.1, 0.2, 0.0)})
    )
    assert rows["alpha"]["draws"] == rows["beta"]["draws"] == 4
    assert rows["alpha"]["elo_bt"] == rows["beta"]["elo_bt"] == 1500.0
    for name in (
        "rank",
        "rank_lo",
        "rank_hi",
        "score_mean",
        "score_ci_lo",
        "score_ci_hi",
        "elo_lo",
    ):
        assert rows["alpha"][name] == rows["beta"][name]


def test_a_null_sharpe_scores_zero_and_is_left_out_of_the_mean_sharpe() -> None:
    rows = by_id(
        league(
            {
                "alpha": [(0.0, 1.5), (0.0, None), (0.0, 3.0), (0.0, 1.5)],
                "beta": [(0.0, None)] * 4,
            }
        )
    )
    assert rows["alpha"]["score_mean"] == pytest.approx((20.0 + 0.0 + 40.0 + 20.0) / 4, abs=1e-12)
    assert rows["alpha"]["sharpe_mean"] == pytest.approx(2.0, abs=1e-12)
    assert rows["beta"]["sharpe_mean"] is None and rows["beta"]["sharpe_ci_lo"] is None
    assert rows["beta"]["score_mean"] == 0.0
    assert "NULL_SHARPE" in rows["alpha"]["flags"].split()


def test_ruin_is_the_worst_score_and_is_counted() -> None:
    outcomes = {
        "alpha": returns(0.1, 0.1, 0.1, 0.1),
        "beta": [(-1.0, 4.0), *returns(0.2, 0.2, 0.2)],
    }
    played = play(
        document(),
        [entry(strategy_id) for strategy_id in outcomes],
        runs(outcomes, FOUR_MARKETS, {("beta", 0): "LOW_SAMPLE RUIN"}),
        TWO_FAMILIES,
    )
    rows = by_id(played)
    assert rows["beta"]["ruin_count"] == 1 and rows["alpha"]["ruin_count"] == 0
    assert "RUIN" in rows["beta"]["flags"].split()
    assert rows["beta"]["score_mean"] == pytest.approx((-100.0 + 3 * 12.0) / 4, abs=1e-12)


def test_the_same_program_under_two_names_is_rated_once() -> None:
    outcomes = {"alpha": returns(0.1, 0.0, 0.1, 0.0), "omega": returns(0.0, 0.1, 0.0, 0.2)}
    frame = runs({**outcomes, "copy": outcomes["omega"]}, FOUR_MARKETS)
    entries = [entry("alpha"), entry("omega"), entry("copy", ir_hash=entry("omega")["ir_hash"])]
    played = play(document(), entries, frame, TWO_FAMILIES)
    assert sorted(played.standings["strategy_id"]) == ["alpha", "copy"]
    assert "ALIAS" in by_id(played)["copy"]["flags"].split()
    assert played.facts["aliases"] == {"copy": ["omega"]}
    assert played.games.height == 4


def test_a_strategy_entered_twice_is_refused() -> None:
    with pytest.raises(SpecError) as refused:
        play(
            document(),
            [entry("alpha"), entry("beta"), entry("alpha")],
            runs({"alpha": returns(0, 0, 0, 0)}, FOUR_MARKETS),
            TWO_FAMILIES,
        )
    assert refused.value.problems[0].reason == "DUPLICATE"
    assert "alpha" in str(refused.value)


@pytest.mark.parametrize(
    "outcomes",
    [
        {},
        {"alpha": returns(0.1, 0.1, 0.1, 0.1)},
        {"alpha": returns(0.1, 0.1, 0.1, 0.1), "beta": [None] * 4},
        {
            "alpha": [*returns(0.1, 0.1), None, None],
            "beta": [None, None, *returns(0.1, 0.1)],
        },
    ],
    ids=["nobody", "one", "one with runs", "no market in common"],
)
def test_a_tournament_without_games_is_refused(outcomes: dict[str, list[Outcome | None]]) -> None:
    with pytest.raises(SpecError) as refused:
        league(outcomes)
    assert refused.value.problems[0].reason == "NO_GAMES"


def test_runs_of_another_execution_do_not_count() -> None:
    outcomes = {"alpha": returns(0, 0, 0, 0), "beta": returns(0.1, 0.1, 0.1, 0.1)}
    frame = runs(outcomes, FOUR_MARKETS, execution="stress_v1")
    with pytest.raises(SpecError) as refused:
        play(document(), [entry("alpha"), entry("beta")], frame, TWO_FAMILIES)
    assert refused.value.problems[0].reason == "NO_GAMES"


def test_runs_made_with_other_cash_are_refused() -> None:
    outcomes = {"alpha": returns(0, 0, 0, 0), "beta": returns(0.1, 0.1, 0.1, 0.1)}
    frame = runs(outcomes, FOUR_MARKETS, initial_cash_quote=5_000.0)
    with pytest.raises(SpecError, match=r"5000\.0"):
        play(document(), [entry("alpha"), entry("beta")], frame, TWO_FAMILIES)


def test_a_run_given_twice_is_refused() -> None:
    frame = runs({"alpha": returns(0, 0, 0, 0), "beta": returns(1, 1, 1, 1)}, FOUR_MARKETS)
    with pytest.raises(TableError, match="two runs"):
        play(document(), [entry("alpha"), entry("beta")], pl.concat([frame, frame]), TWO_FAMILIES)


def test_an_entry_without_runs_stands_in_the_facts_only() -> None:
    played = league(
        {"alpha": returns(0.1, 0, 0, 0), "beta": returns(0, 0, 0, 0.1), "daily": [None] * 4}
    )
    assert sorted(played.standings["strategy_id"]) == ["alpha", "beta"]
    assert played.facts["without_runs"] == ["daily"]


def test_entrants_of_mixed_timeframes_are_flagged_and_meet_where_both_ran() -> None:
    played = league(
        {
            "alpha": returns(0.1, 0.0, 0.1, 0.0),
            "beta": returns(0.0, 0.1, 0.0, 0.1),
            "short": [*returns(0.2, -0.2), None, None],
        }
    )
    rows = by_id(played)
    assert rows["short"]["runs"] == 2 and rows["short"]["games"] == 4
    assert "PARTIAL_SCENARIOS" in rows["short"]["flags"].split()
    assert "PARTIAL_SCENARIOS" not in rows["alpha"]["flags"].split()


def test_a_family_on_which_nobody_ran_an_entry_weighs_nothing_in_its_mean() -> None:
    outcomes: dict[str, list[Outcome | None]] = {
        "alpha": [*returns(0.1, 0.0, 0.1, 0.0)],
        "short": [*returns(0.2, 0.4), None, None],
    }
    for weights in (None, {"trend": 0.25, "vol_cluster": 0.75}):
        rows = by_id(league(outcomes, family_weights=weights))
        assert rows["short"]["score_mean"] == pytest.approx(60.0 * 0.3, abs=1e-12)


def test_only_the_named_entries_and_scenarios_take_part() -> None:
    played = league(
        {name: returns(0.1, 0.2, 0.3, 0.4) for name in ("alpha", "beta", "gamma")},
        entries=["alpha", "gamma"],
        scenarios=["bull", "calm"],
    )
    assert sorted(played.standings["strategy_id"]) == ["alpha", "gamma"]
    assert sorted(played.games["scenario_id"].unique()) == ["bull", "calm"]


def test_an_unbeaten_leader_is_rated_with_a_prior_and_says_so() -> None:
    rows = by_id(league({"alpha": returns(1, 1, 1, 1), "beta": returns(0, 0, 0, 0)}))
    assert "PRIOR" in rows["alpha"]["flags"].split()
    assert 1500.0 < rows["alpha"]["elo_bt"] < 3000.0
    rows = by_id(league({"alpha": returns(1, 0, 1, 1), "beta": returns(0, 1, 0, 0)}))
    assert "PRIOR" not in rows["alpha"]["flags"].split()


def test_who_never_lost_is_not_rated_with_certainty() -> None:
    # Every resample of four wins is four wins; the prior knows better how little they say.
    played = league({"alpha": returns(1, 1, 1, 1), "beta": returns(0, 0, 0, 0)})
    for row in by_id(played).values():
        low, high = played.facts["ci_naive"][row["ir_hash"]]
        assert row["elo_lo"] <= low < row["elo_bt"] < high <= row["elo_hi"]
        assert high - low > 300.0


@pytest.mark.parametrize(("n", "is_few"), [(19, True), (20, False)])
def test_few_scenarios_are_flagged(n: int, is_few: bool) -> None:
    played = play(
        document(),
        [entry("alpha"), entry("beta")],
        runs(
            {"alpha": returns(*np.linspace(0, 1, n)), "beta": returns(*np.linspace(1, 0, n))},
            [("bull", path) for path in range(n)],
        ),
        {"bull": "trend"},
    )
    assert ("FEW_SCENARIOS" in played.standings["flags"][0].split()) == is_few


def test_frequent_small_wins_that_hide_rare_large_losses_are_flagged() -> None:
    n = 30
    grinder = [0.01] * 20 + [-0.9] * 10
    played = play(
        document(),
        [entry("grinder"), entry("steady")],
        runs(
            {"grinder": returns(*grinder), "steady": returns(*[0.0] * n)},
            [("bull", path) for path in range(n)],
        ),
        {"bull": "trend"},
    )
    rows = by_id(played)
    assert rows["grinder"]["elo_bt"] > rows["steady"]["elo_bt"]
    assert rows["grinder"]["rank"] == 2
    for row in rows.values():
        assert "MARGIN_CONFLICT" in row["flags"].split()


def test_the_manifest_hash_changes_with_whatever_the_result_depends_on() -> None:
    outcomes = {"alpha": returns(0.1, 0.5, 0.2, -0.3), "beta": returns(0.2, 0.1, 0.1, 0.1)}

    def manifest_hash(**changes: Any) -> str:
        return str(league(outcomes, **changes).standings["manifest_hash"][0])

    plain = manifest_hash()
    assert manifest_hash(name="Another name") == plain
    changed = [
        manifest_hash(seed=2),
        manifest_hash(alpha=0.1),
        manifest_hash(score={"type": "composite_v1", "weights": [0.5, 0.5]}),
        manifest_hash(score={"type": "composite_v1", "epsilon_practical": 1.0}),
        manifest_hash(scenarios=["bull", "bear"]),
    ]
    assert len({plain, *changed}) == 6


def test_a_practical_epsilon_turns_small_wins_into_draws() -> None:
    outcomes = {"alpha": returns(0.1, 0.1, 0.1, 0.1), "beta": returns(0.101, 0.101, 0.2, 0.2)}
    rows = by_id(league(outcomes, score={"type": "composite_v1", "epsilon_practical": 0.5}))
    assert (rows["beta"]["wins"], rows["beta"]["draws"]) == (2, 2)


def test_the_order_of_the_field_is_compared_with_both_parts_of_the_score() -> None:
    played = league(
        {
            "alpha": [(0.01, 3.0)] * 4,
            "beta": [(0.02, 2.0)] * 4,
            "gamma": [(0.03, 1.0)] * 4,
        }
    )
    assert played.facts["rank_correlation"] == {"total_return": -1.0, "sharpe": 1.0}


def test_rank_correlation_averages_ties_and_is_null_without_spread() -> None:
    first, second = np.array([1.0, 2.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0, 4.0])
    assert rank_correlation(first, second) == pytest.approx(0.9486832980505138, abs=1e-12)
    assert rank_correlation(first, np.ones(4)) is None
    assert rank_correlation(np.full(4, np.nan), second) is None
