"""Whoever begins under a new name goes on counting: trials on a history are everybody's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import planted_evolution as planted
import polars as pl
import pytest
from test_holdout import written

import simcore
from simcore import steps
from simcore.backtests.trials import BY_HAND, Score, TrialLedger, lineage, trial_rows
from simcore.evolution.document import Evolution, read_evolution
from simcore.evolution.ledger import asked_by, tried_before
from simcore.scenario.document import load
from simcore.scenario.manifest import generate_with_manifest
from simcore.store import Partition, Store
from simcore.strategy.strategy import compile_strategy
from simcore.tables import TABLES
from simcore.tournaments.simulated import lineages_of

SMALL = {"parents": 2, "offspring": 2, "challengers": 1}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = planted.home(tmp_path_factory.mktemp("trials"))
    written(folder, "past", 21)
    return folder


def evolution(home: Path, **changes: Any) -> Evolution:
    """An evolution that trains on markets drawn from a history."""
    train = {"scenarios": ["past"], "copies": 10, "bars": 400}
    return read_evolution(
        planted.evolution(**{"train": train, "sizes": SMALL, **changes}), home=home
    )


def by_hand(store: Store, evolution: Evolution, *programs: str) -> None:
    """Somebody tries programs on the history itself."""
    (law,) = evolution.train
    assert law.source is not None
    rows = trial_rows(
        [Score(program, 0.01, 2_000) for program in programs],
        compile_strategy("ma_cross"),
        lineage(law.source.columns),
        "honest_v1",
        "me",
    )
    TrialLedger(store).add(Partition(campaign=BY_HAND, strategy="ma_cross"), rows)


def row(store: Store, evolution: Evolution, number: int = 0) -> dict[str, Any]:
    place = Partition(evolution=evolution.id, generation=steps.GENERATION_KEYS[number])
    return store.read(TABLES["generations"], place).row(0, named=True)


def files(outcomes: list[steps.Outcome]) -> dict[str, bytes]:
    return {each.table.name: each.footer.path.read_bytes() for each in outcomes}


def test_an_evolution_under_a_new_name_counts_what_the_first_one_tried(
    home: Path, tmp_path: Path
) -> None:
    store, first = Store(tmp_path), evolution(home)
    steps.evolved(store, first, 0, None)
    alone = row(store, first)
    assert alone["k_cumulative"] == alone["population"] > 1
    second = evolution(home, id="second", seed=6)
    steps.evolved(store, second, 0, None)
    steps.evolved(store, second, 1, None)
    again = row(store, second)
    assert again["k_cumulative"] == alone["population"] + again["population"]
    deflated = store.read(
        TABLES["promotions"], Partition(evolution="second", generation="g000")
    ).filter(pl.col("gate") == "dsr")
    assert set(deflated["n"]) == {again["k_cumulative"]}
    assert set(deflated["is_required"]) == {True}
    # What it brought along stays, and its own come on top, each once.
    own = pl.concat(
        store.read(TABLES["populations"], Partition(evolution="second", generation=key))["ir_hash"]
        for key in ("g000", "g001")
    )
    assert row(store, second, 1)["k_cumulative"] == alone["population"] + own.n_unique()


def test_a_document_that_was_changed_counts_what_it_tried_before(
    home: Path, tmp_path: Path
) -> None:
    from simcore.tournaments.sealed import commitment

    store, first = Store(tmp_path), evolution(home)
    steps.evolved(store, first, 0, None)
    fresh = {"salt": "another salt for tests", "commitment": commitment("another salt for tests")}
    changed = evolution(home, initial_cash=20_000.0, **fresh)
    assert tried_before(first, store).k == 0
    assert tried_before(changed, store).k == row(store, first)["population"]
    steps.evolved(store, changed, 0, None)
    assert row(store, changed)["k_cumulative"] > row(store, changed)["population"]


def test_a_program_that_two_have_tried_counts_once_and_those_on_other_data_not_at_all(
    home: Path, tmp_path: Path
) -> None:
    store, asked = Store(tmp_path), evolution(home)
    by_hand(store, asked, "p" * 64, "q" * 64, "p" * 64)
    other = trial_rows(
        [Score("r" * 64, 0.1, 10)], compile_strategy("ma_cross"), "elsewhere", "honest_v1", "me"
    )
    TrialLedger(store).add(Partition(campaign="c", strategy="ma_cross"), other)
    assert tried_before(asked, store).k == 2
    made = evolution(home, id="made", train={"scenarios": ["leaning"], "copies": 10, "bars": 400})
    assert made.known_histories == () and tried_before(made, store).k == 0


def test_trials_that_come_later_change_no_byte_of_a_generation_that_was_begun(
    home: Path, tmp_path: Path
) -> None:
    store, asked = Store(tmp_path), evolution(home)
    by_hand(store, asked, "p" * 64)
    first = steps.evolved(store, asked, 0, None)
    before = files(first)
    assert row(store, asked)["k_cumulative"] == 1 + row(store, asked)["population"]
    by_hand(store, asked, "q" * 64)
    assert all(each.is_reused for each in steps.evolved(store, asked, 0, None))
    steps.evolved(store, asked, 1, None)
    # Lost, it is made again from what the generation after it says of its beginning.
    for outcome in first:
        outcome.footer.path.unlink()
    assert files(steps.evolved(store, asked, 0, None)) == before
    assert all(each.is_reused for each in steps.evolved(store, asked, 1, None))


def test_another_count_at_the_start_is_another_version_of_the_data(
    home: Path, tmp_path: Path
) -> None:
    hashes = []
    for name, programs in (("few", ["p" * 64]), ("many", ["p" * 64, "q" * 64])):
        store, asked = Store(tmp_path / name), evolution(home)
        by_hand(store, asked, *programs)
        outcome = steps.evolved(store, asked, 0, None)[1]
        hashes.append((outcome.footer.input_hash, outcome.footer.content_hash))
    assert hashes[0][0] != hashes[1][0] and hashes[0][1] != hashes[1][1]


def test_markets_without_a_history_have_the_provenance_they_always_had(
    home: Path, tmp_path: Path
) -> None:
    asked = evolution(home, train={"scenarios": ["leaning"], "copies": 10, "bars": 400})
    (footer, *_) = [each.footer for each in steps.evolved(Store(tmp_path), asked, 0, None)]
    assert set(footer.documents) == {"evolutions/planted"}


def test_in_memory_a_home_has_the_ledger(home: Path, tmp_path: Path) -> None:
    folder = planted.home(tmp_path)
    written(folder, "past", 21)
    first, second = evolution(folder), evolution(folder, id="second", seed=6)
    made = simcore.evolve(first, n_generations=2, home=folder)
    assert made[0].summary["k_cumulative"] == made[0].summary["population"]
    trials = TrialLedger(Store.of(folder)).read()
    assert set(trials["asked_by"]) == {asked_by(first)}
    tried = made[1].summary["k_cumulative"]
    other = simcore.evolve_generation(second, home=folder)
    assert other.summary["k_cumulative"] == tried + other.summary["population"]
    # Without one there is nothing to read.
    plain = simcore.evolve_generation(second)
    assert plain.summary["k_cumulative"] == plain.summary["population"]


def test_a_run_on_a_replay_of_the_history_is_a_trial_of_it(home: Path) -> None:
    asked = evolution(home)
    text = (home / "scenarios" / "past.toml").read_text()
    text = text.replace('"block_bootstrap"', '"replay"').replace("block = 60\n", "")
    text = text.replace("duration_bars = 400\n", "").replace('id = "past"', 'id = "as-it-was"')
    (home / "scenarios" / "as-it-was.toml").write_text(text)
    bars, manifest = generate_with_manifest(load("as-it-was", home=home))
    (found,) = lineages_of([(manifest, bars)]).values()
    assert (found,) == asked.known_histories
