"""A planted edge is found, luck is not promoted, and nothing is judged on what was trained on."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import planted_evolution as planted
import polars as pl
import pytest
import scipy.stats
from matplotlib.figure import Figure

import simcore
from assets import evolution_plots
from simcore import steps
from simcore.errors import SpecError, StoreError
from simcore.evolution.document import read_evolution
from simcore.evolution.rows import mean_ends
from simcore.store import Partition, Provenance, Store
from simcore.tables.content import content_hash
from simcore.tables.evolution import GENERATIONS, POPULATIONS, PROMOTIONS, TABLES
from simcore.verification import verify

N_GENERATIONS = 10


def in_memory(document: dict[str, object], home: Path) -> list[simcore.Generation]:
    """Ten generations, whatever the stop rules say."""
    evolution = read_evolution(document, home=home)
    made: list[simcore.Generation] = []
    while len(made) < N_GENERATIONS:
        made.append(simcore.evolve_generation(evolution, made))
    return made


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted.home(tmp_path_factory.mktemp("evolution"))


@pytest.fixture(scope="module")
def leaning(home: Path) -> list[simcore.Generation]:
    return in_memory(planted.evolution(), home)


@pytest.fixture(scope="module")
def placebo(home: Path) -> list[simcore.Generation]:
    return in_memory(planted.evolution("random-walk"), home)


def hashes(made: simcore.Generation) -> dict[str, str]:
    return {table.name: content_hash(table, made.rows[table.name]) for table in TABLES}


class TestAPlantedEdge:
    def test_is_found_within_ten_generations_on_sealed_markets(
        self, leaning: list[simcore.Generation]
    ) -> None:
        promoted = [each for each in leaning if each.summary["is_promoted"]]
        first = leaning[0].summary
        assert promoted
        assert promoted[0].summary["gain_best"] > 10.0
        assert leaning[-1].summary["champion_score"] > first["champion_score"] + 10.0
        assert leaning[-1].champion.model.params["n"].value < 20.0

    def test_is_promoted_through_every_gate_that_is_required(
        self, leaning: list[simcore.Generation]
    ) -> None:
        rows = pl.concat([each.rows["promotions"] for each in leaning])
        won = rows.filter(pl.col("is_promoted"))
        # Only where real bars are held out, which are finite, is there a ladder to climb.
        assert set(won["gate"]) == set(PROMOTIONS.column("gate").values or ()) - {"ladder"}
        assert set(won.filter(pl.col("is_required"))["verdict"]) == {"pass"}


def test_nothing_is_promoted_in_a_market_without_drift_or_memory(
    placebo: list[simcore.Generation],
) -> None:
    assert len(placebo) == N_GENERATIONS
    assert not any(each.summary["is_promoted"] for each in placebo)
    assert {each.champion.ir_hash for each in placebo} == {placebo[0].summary["champion_before"]}


def test_a_champion_is_kept_where_a_gate_fails_or_cannot_tell(
    leaning: list[simcore.Generation], placebo: list[simcore.Generation]
) -> None:
    for made in (*leaning, *placebo):
        rows = made.rows["promotions"].filter(pl.col("is_required"))
        through = rows.group_by("ir_hash").agg((pl.col("verdict") == "pass").all())
        is_promoted = bool(through["verdict"].any())
        assert made.summary["is_promoted"] == is_promoted
        kept = made.summary["champion_after"] == made.summary["champion_before"]
        assert kept != is_promoted


def test_a_generation_made_again_has_the_same_bytes(
    leaning: list[simcore.Generation], home: Path
) -> None:
    again = simcore.evolve_generation(planted.evolution(), leaning[:2], home=home)
    assert hashes(again) == hashes(leaning[2])


def test_another_seed_breeds_others(leaning: list[simcore.Generation], home: Path) -> None:
    other = simcore.evolve_generation(planted.evolution(seed=6), home=home)
    assert hashes(other)["populations"] != hashes(leaning[0])["populations"]


def test_no_seed_serves_twice(leaning: list[simcore.Generation]) -> None:
    trained = [seed for each in leaning for seed in json.loads(each.summary["train_seeds"])]
    sealed = [seed for each in leaning for seed in json.loads(each.summary["sealed_seeds"])]
    assert len(trained) == N_GENERATIONS * 12
    assert len(sealed) == N_GENERATIONS * 20
    assert len({*trained, *sealed}) == len(trained) + len(sealed)


def test_the_trials_are_counted_over_all_generations_each_program_once(
    leaning: list[simcore.Generation],
) -> None:
    seen: set[str] = set()
    for made in leaning:
        seen |= set(made.rows["populations"]["ir_hash"])
        assert made.summary["k_cumulative"] == len(seen)
    assert len(seen) > 20


def test_a_population_has_its_survivors_again_and_each_program_once(
    leaning: list[simcore.Generation],
) -> None:
    for before, after in itertools.pairwise(leaning):
        rows = before.rows["populations"]
        living = set(rows.filter(pl.col("fate") != "dropped")["ir_hash"])
        now = after.rows["populations"]["ir_hash"]
        assert living <= set(now)
        assert len(living) <= 6
        assert now.n_unique() == now.len()


def test_the_gap_is_what_training_promised_and_the_sealed_set_did_not_give(
    leaning: list[simcore.Generation],
) -> None:
    for made in leaning:
        row = made.summary
        for name in ("selected_train", "selected_sealed", "generalisation_gap"):
            assert row[f"{name}_lo"] < row[name] < row[f"{name}_hi"]
        judged = made.rows["populations"].filter(
            pl.col("is_challenger") | (pl.col("ir_hash") == row["champion_before"])
        )
        assert judged["score_mean"].mean() == pytest.approx(row["selected_train"])
        gap = row["selected_train"] - row["selected_sealed"]
        assert row["generalisation_gap"] == pytest.approx(gap)


class TestInTheLake:
    def test_a_generation_needs_the_one_before_it(self, home: Path, tmp_path: Path) -> None:
        evolution = read_evolution(planted.evolution(), home=home)
        with pytest.raises(StoreError, match="g000") as refusal:
            steps.evolved(Store(tmp_path), evolution, 1, None)
        assert refusal.value.code == "ABSENT"

    def test_a_generation_that_is_there_is_reused_and_one_that_is_lost_comes_back(
        self, home: Path, tmp_path: Path, leaning: list[simcore.Generation]
    ) -> None:
        store = Store(tmp_path)
        evolution = read_evolution(planted.evolution(), home=home)
        first = steps.evolved(store, evolution, 0, None)
        files = {each.table.name: each.footer.path.read_bytes() for each in first}
        assert {each.table.name: each.footer.content_hash for each in first} == hashes(leaning[0])
        assert all(each.is_reused for each in steps.evolved(store, evolution, 0, None))
        for outcome in first:
            outcome.footer.path.unlink()
        again = steps.evolved(store, evolution, 0, None)
        assert {each.table.name: each.footer.path.read_bytes() for each in again} == files

    def test_a_changed_document_does_not_open_the_same_sealed_set_again(
        self, home: Path, tmp_path: Path
    ) -> None:
        store = Store(tmp_path)
        steps.evolved(store, read_evolution(planted.evolution(), home=home), 0, None)
        assert (
            steps.outdated_generations(store, read_evolution(planted.evolution(), home=home)) == ()
        )
        changed = read_evolution(planted.evolution(initial_cash=20_000.0), home=home)
        assert steps.outdated_generations(store, changed) == ("g000",)
        with pytest.raises(SpecError) as refusal:
            steps.evolved(store, changed, 0, None)
        assert refusal.value.problems[0].reason == "SEAL_REUSED"
        with pytest.raises(StoreError) as outdated:
            steps.evolved(store, changed, 1, None)
        assert outdated.value.code == "OUTDATED"

    def test_every_run_that_somebody_may_be_chosen_by_stands_in_the_ledger(
        self, home: Path, tmp_path: Path
    ) -> None:
        from simcore.backtests.trials import TrialLedger, execution_hash

        store = Store(tmp_path)
        evolution = read_evolution(planted.evolution(), home=home)
        place = steps.evolved(store, evolution, 0, None)[0].partition
        people = store.read(POPULATIONS, place)
        n_judged = int(people["is_challenger"].sum()) + 1
        trials = TrialLedger(store).read()
        assert set(trials["asked_by"]) == {f"evolution planted {evolution.manifest_hash[:16]}"}
        by_lineage = trials.group_by("lineage").len()["len"].value_counts()
        assert dict(by_lineage.rows()) == {people.height: 12, n_judged: 20}
        assert set(trials["execution_hash"]) == {execution_hash("honest_v1")}

    def test_its_trials_make_no_campaign_of_an_evolution(self, home: Path, tmp_path: Path) -> None:
        evolution = read_evolution(planted.evolution(), home=home)
        steps.evolved(Store(tmp_path / "lake"), evolution, 0, None)
        assert all(each.is_sound for each in verify(tmp_path))
        with pytest.raises(SpecError, match="got nothing, expected campaign 'planted'"):
            verify(tmp_path, campaign="planted")

    def test_the_page_draws_the_gap_with_its_interval_and_the_trials(
        self, tmp_path: Path, leaning: list[simcore.Generation]
    ) -> None:
        store = Store(tmp_path)
        made_by = Provenance(documents={}, seed=None, engine_version="0")
        for made in leaning[:4]:
            place = Partition(evolution="planted", generation=steps.GENERATION_KEYS[made.number])
            store.write(GENERATIONS, place, made.rows["generations"], made_by)
        third = Partition(evolution="planted", generation="g002")
        known = evolution_plots.course(store, third)
        assert known["number"].to_list() == [0, 1, 2]
        upper, lower = Figure().subplots(2, 1)
        evolution_plots.gap(upper, known)
        (segments,) = upper.containers[0].lines[2]  # type: ignore[attr-defined]
        ends = [segment[:, 1].tolist() for segment in segments.get_segments()]
        told = known.select("generalisation_gap_lo", "generalisation_gap_hi").rows()
        assert ends == [pytest.approx(list(each)) for each in told]
        evolution_plots.trials(lower, known)
        assert lower.lines[0].get_ydata().tolist() == known["k_cumulative"].to_list()
        assert evolution_plots.evolution_page(store, third).startswith("data:image/png;base64,")


def test_intervals_are_those_of_student_and_welch() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.normal(3.0, 2.0, 12), rng.normal(1.0, 5.0, 20)
    own = scipy.stats.ttest_1samp(one, 0.0).confidence_interval(0.95)
    assert tuple(mean_ends("x", one.mean(), one).values()) == pytest.approx((own.low, own.high))
    both = scipy.stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    found = mean_ends("gap", one.mean() - other.mean(), one, other)
    assert (found["gap_lo"], found["gap_hi"]) == pytest.approx((both.low, both.high))
    same = np.full(5, 2.0)
    assert mean_ends("x", 2.0, same) == {"x_lo": 2.0, "x_hi": 2.0}


class TestTheSeal:
    def test_another_salt_than_the_one_committed_to_is_refused(self, home: Path) -> None:
        with pytest.raises(SpecError) as refusal:
            simcore.evolve_generation(planted.evolution(), home=home, salt="another")
        assert refusal.value.problems[0].reason == "SEAL_BROKEN"

    def test_stays_closed_without_a_salt(self, home: Path) -> None:
        document = planted.evolution()
        del document["salt"]
        with pytest.raises(SpecError) as refusal:
            simcore.evolve_generation(document, home=home)
        assert refusal.value.problems[0].reason == "SEAL_CLOSED"

    def test_nothing_of_training_depends_on_the_salt(
        self, home: Path, leaning: list[simcore.Generation]
    ) -> None:
        from simcore.tournaments.sealed import commitment

        salt = "another salt of tests"
        other = planted.evolution(salt=salt, commitment=commitment(salt))
        made = simcore.evolve_generation(other, home=home)
        assert hashes(made)["populations"] == hashes(leaning[0])["populations"]
        assert made.summary["train_seeds"] == leaning[0].summary["train_seeds"]
        assert made.summary["sealed_seeds"] != leaning[0].summary["sealed_seeds"]


def test_the_budget_is_kept(home: Path, leaning: list[simcore.Generation]) -> None:
    assert leaning[-1].stop == "budget"
    with pytest.raises(SpecError, match="expected 0 to 9"):
        simcore.evolve_generation(planted.evolution(), leaning, home=home)


def test_breeding_ends_when_nothing_more_is_to_be_expected(home: Path) -> None:
    hopeless = planted.evolution("random-walk", stop={"generations": 10, "patience": 2})
    made = simcore.evolve(hopeless, home=home)
    assert [each.stop for each in made] == [None, "patience"]
