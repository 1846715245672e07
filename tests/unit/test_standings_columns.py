"""Columns of the standings beside rank and score, one worked example or reference each."""

from __future__ import annotations

import math
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
from openskill.models import PlackettLuce

from simcore.backtests.trials import Census
from simcore.errors import SpecError
from simcore.scoring.significance import SharpeSample, dsr, psr
from simcore.tables import TABLES
from simcore.tournaments.evidence import Evidence, known_maxima, tried
from simcore.tournaments.play import Played, play
from simcore.tournaments.ratings.sequential import elo_sequence

THIRTY = [(f"m{i:02}", 0) for i in range(40)]
HALVES = {name: "trend" if i % 2 else "calm" for i, (name, _) in enumerate(THIRTY)}


def noisy(means: dict[str, float], seed: int = 1) -> dict[str, list[Outcome | None]]:
    """Outcomes on forty markets that all entries feel alike, and a little of their own."""
    draws = np.random.default_rng(seed)
    common = draws.normal(0.0, 0.05, len(THIRTY))
    return {
        name: [
            (float(mean + c + e), float(20 * (mean + c + e)))
            for c, e in zip(common, draws.normal(0.0, 0.02, len(THIRTY)), strict=True)
        ]
        for name, mean in means.items()
    }


def season(
    outcomes: dict[str, list[Outcome | None]], evidence: Evidence | None = None, **changes: Any
) -> Played:
    return play(
        document(),
        [entry(name) for name in outcomes],
        runs(outcomes, THIRTY, **changes),
        HALVES,
        evidence=evidence or Evidence(),
    )


def test_means_are_means_of_the_family_means() -> None:
    frame = runs(
        {"alpha": returns(0.1, 0.1, 0.1, 0.3), "beta": returns(0.0, 0.0, 0.0, 0.0)}, FOUR_MARKETS
    ).with_columns(
        cagr=pl.col("total_return") * 10,
        es_1=-pl.col("total_return"),
        cost_drag=pl.lit(0.02),
        ambiguity_gap=pl.when(pl.col("scenario_id") == "wild").then(4.0),
        phase_sharpe=pl.lit(1.0),
    )
    row = by_id(play(document(), [entry("alpha"), entry("beta")], frame, TWO_FAMILIES))["alpha"]
    assert row["roi_ann"] == pytest.approx(1.5, abs=1e-12)
    assert row["es_1_mean"] == pytest.approx(-0.15, abs=1e-12)
    assert row["cost_drag"] == pytest.approx(0.02, abs=1e-12)
    assert row["ambiguity_gap"] == pytest.approx(4.0, abs=1e-12)  # of the one that is known
    assert row["total_roi_v0"] == pytest.approx(0.6, abs=1e-12)
    assert row["composite_v0"] == pytest.approx(0.6 * 15.0 + 0.4 * 33.33, abs=1e-12)


def test_the_worst_family_is_named_with_its_score() -> None:
    rows = by_id(
        league({"alpha": returns(0.1, 0.2, -0.1, 0.0), "beta": returns(0.1, 0.1, 0.1, 0.1)})
    )
    assert rows["alpha"]["worst_family"] == "vol_cluster"
    assert rows["alpha"]["worst_family_score"] == pytest.approx(-3.0, abs=1e-12)
    assert rows["beta"]["worst_family"] == "trend"  # of equals the first by name


def test_sequential_ratings_follow_rounds_then_hashes_then_markets() -> None:
    rows = by_id(
        league({"alpha": returns(0.3, 0.3, 0.0, 0.0), "beta": returns(0.1, 0.1, 0.1, 0.1)})
    )
    # Markets are sorted by family: bear and bull, which alpha wins, then calm and wild.
    zeros, ones = np.zeros(4, dtype=np.int64), np.ones(4, dtype=np.int64)
    expected = elo_sequence(zeros, ones, np.array([1.0, 1.0, 0.0, 0.0]), 2)
    assert rows["alpha"]["elo_seq"] == pytest.approx(expected[0], abs=1e-6)
    assert rows["alpha"]["elo_seq"] < 1500.0 < rows["beta"]["elo_seq"]
    assert abs(rows["alpha"]["elo_seq_mean"] - 1500.0) < 3.0
    assert rows["alpha"]["elo_seq_sd"] > 1.0


def test_the_belief_of_openskill_is_that_of_the_library() -> None:
    outcomes = {
        "alpha": returns(0.3, 0.2, 0.1, 0.0),
        "beta": returns(0.1, 0.2, 0.3, 0.1),
        "gamma": returns(0.0, 0.0, 0.0, 0.2),
    }
    rows = by_id(league(outcomes))
    model = PlackettLuce()
    rated = {name: [model.rating()] for name in outcomes}
    for market in ("bear", "bull", "calm", "wild"):
        at = [name for name, _ in FOUR_MARKETS].index(market)
        score = {name: values[at][0] for name, values in outcomes.items()}
        ranks = [sum(s > score[name] for s in score.values()) + 1 for name in outcomes]
        new = model.rate([rated[name] for name in outcomes], ranks=ranks)
        rated = dict(zip(outcomes, new, strict=True))
    for name in outcomes:
        assert rows[name]["openskill_mu"] == pytest.approx(rated[name][0].mu, abs=1e-5)
        assert rows[name]["openskill_sigma"] == pytest.approx(rated[name][0].sigma, abs=1e-5)


def test_glicko_sees_more_in_more_games() -> None:
    few = by_id(league({"alpha": returns(1, 1, 1, 0), "beta": returns(0, 0, 0, 1)}))["alpha"]
    many = by_id(season(noisy({"alpha": 0.02, "beta": 0.0})))["alpha"]
    assert few["glicko_r"] > 1500.0
    assert many["glicko_rd"] < few["glicko_rd"] < 350.0


def test_chances_are_of_beating_the_champion_and_buy_and_hold_on_the_same_markets() -> None:
    outcomes = noisy({"alpha": 0.02, "beta": 0.0, "buy_and_hold": -0.02})
    rows = by_id(season(outcomes, Evidence(champion="beta")))
    assert rows["alpha"]["p_beats_champion"] > 0.99
    assert rows["buy_and_hold"]["p_beats_champion"] < 0.01
    assert rows["beta"]["p_beats_champion"] is None
    assert rows["beta"]["p_beats_buy_hold"] > 0.99
    assert [name for name, row in rows.items() if row["champion"]] == ["beta"]


def test_without_a_champion_or_buy_and_hold_nobody_is_set_against_them() -> None:
    rows = by_id(season(noisy({"alpha": 0.02, "beta": 0.0})))
    assert all(row["p_beats_champion"] is None for row in rows.values())
    assert all(row["p_beats_buy_hold"] is None for row in rows.values())
    assert not any(row["champion"] for row in rows.values())


def test_equal_entries_beat_each_other_half_of_the_time() -> None:
    outcomes = noisy({"alpha": 0.0})
    rows = by_id(season({**outcomes, "beta": outcomes["alpha"]}, Evidence(champion="alpha")))
    assert rows["beta"]["p_beats_champion"] == 0.5


def test_the_confidence_set_keeps_who_cannot_be_told_from_the_leader() -> None:
    rows = by_id(season(noisy({"alpha": 0.02, "beta": 0.0195, "gamma": -0.03})))
    assert [rows[name]["in_mcs"] for name in ("alpha", "beta", "gamma")] == [True, True, False]


def test_few_markets_and_partial_runs_have_no_confidence_set() -> None:
    few = by_id(league({"alpha": returns(1, 1, 1, 0), "beta": returns(0, 0, 0, 1)}))
    assert all(row["in_mcs"] is None for row in few.values())
    outcomes = noisy({"alpha": 0.02, "beta": 0.0, "gamma": 0.0})
    outcomes["gamma"][7] = None
    rows = by_id(season(outcomes))
    assert rows["gamma"]["in_mcs"] is None and rows["alpha"]["in_mcs"] is True


def test_one_market_a_family_gives_the_psr_of_its_run() -> None:
    outcomes: dict[str, list[Outcome | None]] = {"alpha": [(0.1, 2.0)], "beta": [(0.0, None)]}
    frame = runs(outcomes, [("bull", 0)], bars_per_year=400.0).with_columns(
        skew=pl.lit(-0.5), kurt=pl.lit(5.0)
    )
    evidence = Evidence(trials=Census(50, 0.0004, "x"))
    rows = by_id(
        play(
            document(), [entry("alpha"), entry("beta")], frame, {"bull": "trend"}, evidence=evidence
        )
    )
    sample = SharpeSample(0.1, 720, -0.5, 5.0)
    assert rows["alpha"]["psr"] == pytest.approx(psr(sample), abs=1e-6)
    assert rows["alpha"]["dsr"] == pytest.approx(dsr(sample, 50, 0.0004), abs=1e-6)
    assert rows["alpha"]["k_trials"] == 50
    assert rows["beta"]["psr"] is None


def test_more_trials_leave_less_of_the_same_ratio() -> None:
    outcomes = noisy({"alpha": 0.02, "beta": 0.0})
    moments = {"bars_per_year": 8_766.0, "skew": 0.0, "kurt": 3.0}

    def deflated(k: int) -> float:
        rows = by_id(season(outcomes, Evidence(trials=Census(k, 1e-4, "")), **moments))
        return float(rows["alpha"]["dsr"])

    assert deflated(2) > deflated(20) > deflated(2_000)
    unknown = by_id(season(outcomes, **moments))["alpha"]
    assert unknown["dsr"] is None and unknown["k_trials"] is None
    assert unknown["psr"] > deflated(2)


def test_a_leader_by_luck_is_overfit_and_a_true_one_is_not() -> None:
    draws = np.random.default_rng(5)
    flat = {f"e{i:02}": returns(*draws.normal(0.0, 0.05, len(THIRTY))) for i in range(12)}
    true = {name: [(r + 0.1 * (name == "e03"), 0.0) for r, _ in o] for name, o in flat.items()}
    lucky = by_id(season(flat))["e00"]["pbo"]  # type: ignore[arg-type]
    real = by_id(season(true))["e00"]["pbo"]  # type: ignore[arg-type]
    assert real == 0.0
    assert lucky > 0.2
    assert by_id(season(noisy({"alpha": 0.0, "beta": 0.1})))["alpha"]["pbo"] is None


def test_stress_is_scored_as_the_runs_are() -> None:
    calm = {"alpha": returns(0.1, 0.1, 0.1, 0.1), "beta": returns(0.0, 0.0, 0.0, 0.0)}
    hard = {"alpha": returns(-0.1, -0.1, 0.0, 0.0), "beta": returns(0.0, 0.0, 0.0, 0.0)}
    played = play(
        document(),
        [entry("alpha"), entry("beta")],
        runs(calm, FOUR_MARKETS),
        TWO_FAMILIES,
        evidence=Evidence(stress=runs(hard, FOUR_MARKETS, execution="stress_v1")),
    )
    assert by_id(played)["alpha"]["stress_score"] == pytest.approx(-3.0, abs=1e-12)
    assert by_id(played)["alpha"]["score_mean"] == pytest.approx(6.0, abs=1e-12)
    assert "stress" in played.manifest


def test_efficiency_is_over_the_markets_whose_best_is_known() -> None:
    played = play(
        document(),
        [entry("alpha"), entry("beta")],
        runs(
            {
                "alpha": [(0.0, 1.0), (0.0, 3.0), (0.0, 9.0), (0.0, 9.0)],
                "beta": returns(0, 0, 0, 0),
            },
            FOUR_MARKETS,
        ),
        TWO_FAMILIES,
        evidence=Evidence(sharpe_max={"bull": 4.0, "bear": 4.0}),
    )
    assert by_id(played)["alpha"]["oracle_efficiency"] == pytest.approx(0.5, abs=1e-12)
    maxima = known_maxima(
        [
            {"scenario_id": "a", "sharpe_max_annual": 1.5},
            {"scenario_id": "b", "sharpe_max_annual": 0.0},
            {"scenario_id": "c", "sharpe_max_annual": None},
        ]
    )
    assert maxima == {"a": 1.5}


def test_trials_on_other_markets_do_not_count_and_a_program_counts_once() -> None:
    def row(lineage: str, program: str, sharpe: float | None) -> dict[str, Any]:
        return {
            "lineage": lineage, "ir_hash": program, "execution_hash": "x", "struct_hash": "s",
            "strategy_id": "s", "sharpe_bar": sharpe, "bars": 10, "asked_by": "me",
        }  # fmt: skip

    rows = [row("l1", "p", 0.1), row("l2", "p", 0.3), row("l1", "q", 0.0), row("l3", "r", 9.0)]
    trials = TABLES["trials"].conform(pl.DataFrame([*rows, row("l2", "s", None)]))
    found = tried(trials, ["l1", "l2"])
    assert found.k == 3
    assert found.variance == pytest.approx(np.var([0.2, 0.0], ddof=1), abs=1e-15)
    assert math.isclose(tried(trials, ["l3"]).k, 1) and tried(trials, ["l3"]).variance is None


@pytest.mark.parametrize("name", ["elimination", "swiss"])
def test_a_format_gives_places_and_stages_beside_the_ranks(name: str) -> None:
    outcomes = noisy({f"e{i}": i / 50 for i in range(4)})
    played = play(
        document(format={"type": name}),
        [entry(each) for each in outcomes],
        runs(outcomes, THIRTY),
        HALVES,
    )
    places = sorted(played.standings["place"].to_list())
    assert places[0] == 1 and len(places) == 4 and None not in places
    assert played.games["stage"].n_unique() == played.games["round"].n_unique()
    assert season(outcomes).standings["place"].null_count() == 4


def test_a_metric_that_the_score_reads_and_is_null_is_flagged() -> None:
    frame = runs(
        {"alpha": returns(0.1, 0.1, 0.1, 0.1), "beta": returns(0.0, 0.0, 0.0, 0.1)}, FOUR_MARKETS
    ).with_columns(
        calmar=pl.when((pl.col("strategy_id") != "beta") | (pl.col("scenario_id") != "calm")).then(
            2.0
        )
    )
    entries = [entry("alpha"), entry("beta")]
    rows = by_id(play(document(score={"type": "calmar"}), entries, frame, TWO_FAMILIES))
    assert rows["beta"]["score_mean"] == pytest.approx(1.5)
    assert "NULL_METRIC" in rows["beta"]["flags"].split()
    assert "NULL_METRIC" not in rows["alpha"]["flags"].split()
    # A score that does not read it has nothing to tell.
    plain = by_id(play(document(), entries, frame, TWO_FAMILIES))
    assert "NULL_METRIC" not in plain["beta"]["flags"].split()


def test_a_market_without_a_run_and_a_null_sharpe_ratio_have_flags_of_their_own() -> None:
    """They are no null metric: of the first there is nothing to count as 0."""
    outcomes: dict[str, list[Outcome | None]] = {
        "absent": [(0.1, 1.0), (0.1, 1.0), None, (0.1, 1.0)],
        "flat": [(0.0, None), (0.1, 1.0), (0.1, 1.0), (0.1, 1.0)],
    }
    for score in ("composite_v1", "calmar"):
        frame = runs(outcomes, FOUR_MARKETS, calmar=2.0)
        played = play(document(score={"type": score}), [*map(entry, outcomes)], frame, TWO_FAMILIES)
        flags = {name: row["flags"].split() for name, row in by_id(played).items()}
        assert "PARTIAL_SCENARIOS" in flags["absent"]
        assert "NULL_SHARPE" in flags["flat"]
        assert "NULL_METRIC" not in flags["absent"] + flags["flat"], score


def test_a_seed_that_is_given_takes_the_place_of_the_documents() -> None:
    outcomes = noisy({"alpha": 0.0, "beta": 0.01})
    swiss = {"type": "swiss", "rounds": 2, "markets_per_round": 8}

    def played(of_document: int, given: int | None) -> Played:
        asked = document(format=swiss, seed=of_document)
        frame = runs(outcomes, THIRTY)
        return play(asked, [*map(entry, outcomes)], frame, HALVES, seed=given)

    own, given, other = played(5, None), played(1, 5), played(1, None)
    assert given.standings.equals(own.standings) and given.games.equals(own.games)
    # It deals the markets, and draws them again.
    assert set(other.games["scenario_id"]) != set(own.games["scenario_id"])
    assert not other.standings["score_ci_lo"].equals(own.standings["score_ci_lo"])


def test_a_format_errs_no_more_often_than_the_document_allows() -> None:
    asked = document(format={"type": "sprt", "champion": "alpha"}, alpha=0.01)
    outcomes = noisy({"alpha": 0.0, "beta": 0.0})
    played = play(asked, [*map(entry, outcomes)], runs(outcomes, THIRTY), HALVES)
    assert played.facts["format"]["upper"] == pytest.approx(math.log(0.95 / 0.01))


def test_every_row_says_by_which_score_it_is_ranked() -> None:
    outcomes = {"alpha": returns(0.1, 0.2, 0.0, 0.1), "beta": returns(0.0, 0.1, 0.1, 0.0)}
    assert set(league(outcomes).standings["score"]) == {"composite_v1"}
    assert set(league(outcomes, score={"type": "sharpe"}).standings["score"]) == {"sharpe"}


def test_the_champion_of_a_document_is_whom_the_others_are_measured_by() -> None:
    outcomes = noisy({"alpha": 0.02, "beta": 0.0})
    entries = [entry(name) for name in outcomes]
    frame = runs(outcomes, THIRTY)
    sprt = {"type": "sprt", "champion": "beta"}
    for changes in ({"champion": "beta"}, {"format": sprt}, {"format": sprt, "champion": "beta"}):
        played = play(document(**changes), entries, frame, HALVES)
        rows = by_id(played)
        assert rows["alpha"]["p_beats_champion"] > 0.99
        assert rows["beta"]["champion"] and not rows["alpha"]["champion"]
        assert played.manifest["champion"] == "beta"
    with pytest.raises(SpecError) as refusal:
        play(document(champion="omega"), entries, frame, HALVES)
    assert [(each.reason, each.path) for each in refusal.value.problems] == [
        ("UNKNOWN_NAME", "/champion")
    ]
    assert "champion" not in document().model_dump(mode="json")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"champion": "omega", "entries": ["alpha", "beta"]}, "UNKNOWN_NAME"),
        ({"champion": "alpha", "format": {"type": "sprt", "champion": "beta"}}, "CONTRADICTION"),
        ({"champion": "No Id"}, "BAD_ID"),
    ],
)
def test_a_champion_that_cannot_be_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(SpecError) as refusal:
        document(**changes)
    assert [(each.reason, each.path) for each in refusal.value.problems] == [(reason, "/champion")]
