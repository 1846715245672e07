"""Every oracle: it has a sentence, passes an honest run, and fails every seeded corruption."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import polars as pl
import pytest
from chaos_corruptions import CORRUPTIONS, DRAWS, Corruption, changed
from chaos_tables import evidence, identity, record_bytes, seal

from simcore.chaos.evidence import Evidence, Oracle
from simcore.chaos.oracles import ORACLES

BY_ID = {oracle.id: oracle for oracle in ORACLES}


@cache
def honest() -> Evidence:
    return evidence()


CASES = [
    pytest.param(BY_ID[name], corrupt, id=f"{name}-{corrupt.__name__}")
    for name, corruptions in CORRUPTIONS.items()
    for corrupt in corruptions
]


@pytest.mark.parametrize("oracle", ORACLES, ids=lambda oracle: oracle.id)
class TestEveryOracle:
    def test_says_in_one_sentence_what_must_hold(self, oracle: Oracle) -> None:
        assert len(oracle.sentence.split()) > 5
        assert oracle.kind in ("safety", "liveness", "vacuity", "log")
        assert set(oracle.arms) <= {"real", "twin", "canary"} and "real" in oracle.arms

    def test_passes_an_honest_run_that_put_it_to_the_test(self, oracle: Oracle) -> None:
        found = oracle.evaluate(honest())
        assert found.violations == 0
        assert found.first_bad_seq is None
        assert found.antecedents > 0

    def test_is_tried_with_fifty_corruptions_of_three_kinds(self, oracle: Oracle) -> None:
        kinds = CORRUPTIONS[oracle.id]
        assert len(kinds) >= 3
        assert len(kinds) * len(DRAWS) >= 50

    def test_leaves_the_evidence_as_it_was(self, oracle: Oracle) -> None:
        before = {name: rows.clone() for name, rows in honest().run.tables.items()}
        oracle.evaluate(honest())
        assert all(rows.equals(before[name]) for name, rows in honest().run.tables.items())


@pytest.mark.parametrize(("oracle", "corrupt"), CASES)
def test_a_corruption_fails_the_oracle_that_guards_against_it(
    oracle: Oracle, corrupt: Corruption
) -> None:
    cases = honest()
    missed = [draw for draw in DRAWS if not oracle.evaluate(corrupt(cases, draw)).violations]
    assert missed == []


@pytest.mark.parametrize("arm", ["twin", "canary"])
def test_what_judges_a_single_run_passes_the_other_honest_arms(arm: str) -> None:
    known = honest()
    other = replace(known, run=known.twin if arm == "twin" else known.canary)
    failed = [
        oracle.id for oracle in ORACLES if arm in oracle.arms and oracle.evaluate(other).violations
    ]
    assert failed == (["S04"] if arm == "canary" else [])


@pytest.mark.parametrize("name", ["S01", "S02", "S04", "S05", "S09"])
def test_a_violation_names_its_first_record(name: str) -> None:
    corrupt = CORRUPTIONS[name][0]
    assert BY_ID[name].evaluate(corrupt(honest(), 3)).first_bad_seq is not None


def test_a_broken_chain_is_blamed_on_what_follows_the_last_good_anchor() -> None:
    run = honest().run
    anchors = run.tables["anchors"].filter(pl.col("log") == "system")
    broken = changed(run, "events", int(anchors["seq"][1]) - 5, i2=99)
    found = BY_ID["S09"].evaluate(replace(honest(), run=broken))
    assert found.first_bad_seq == int(anchors["seq"][0]) + 1


def test_without_a_canary_there_is_no_case_to_decide() -> None:
    assert BY_ID["V4"].evaluate(replace(honest(), canary=None)).antecedents == 0


def test_without_a_twin_there_is_no_progress_to_compare() -> None:
    assert BY_ID["L1"].evaluate(replace(honest(), twin=None)).antecedents == 0


def test_the_hand_written_log_begins_with_the_identity_of_its_run() -> None:
    # Two hands: the builder packs with struct, the judge with NumPy; they must meet.
    rows = honest().run.tables["xlog"].drop("page").to_dicts()
    pages, anchors = seal(rows, "exchange", "real", record_bytes)
    own = honest().run.tables["anchors"].filter(pl.col("log") == "exchange")
    assert [each["hash"] for each in anchors] == own["hash"].to_list()
    assert pages == honest().run.tables["xlog"]["page"].to_list()
    assert identity("exchange", "real")["log"] == "exchange"
