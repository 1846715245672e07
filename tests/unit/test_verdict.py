"""From findings to a result, an exit code, a verdict, and what was not shown."""

from __future__ import annotations

import itertools
import json

import pytest

from simcore.chaos import verdict as judge
from simcore.chaos.evidence import Finding
from simcore.chaos.oracles import ORACLES

BY_ID = {oracle.id: oracle for oracle in ORACLES}
A_12 = [
    *(f"S{number:02}" for number in range(1, 20)), "L1", "L2", "L3", "L4", "V1", "V2", "V3", "V4",
]  # fmt: skip


def says(name: str, violations: int = 0, *, arm: str = "real", cases: int = 5) -> judge.Judgement:
    first = 7 if violations else None
    return judge.Judgement(BY_ID[name], bytes(16), 3, arm, Finding(cases, violations, first))


def report(*judgements: judge.Judgement) -> dict[str, object]:
    return {
        "result": judge.result(judgements),
        "oracles": [each.told() for each in judgements],
    }


CLEAN = [says(name) for name in BY_ID]


def without(*names: str) -> list[judge.Judgement]:
    return [each for each in CLEAN if each.oracle.id not in names]


def test_failure_outweighs_doubt_and_doubt_outweighs_success() -> None:
    order: list[judge.Result] = ["FAIL", "INCONCLUSIVE", "PASS"]
    for some in itertools.chain.from_iterable(itertools.permutations(order, n) for n in (1, 2, 3)):
        assert judge.worst(some) == next(each for each in order if each in some)
    assert judge.worst([]) == "NOT_RUN"


@pytest.mark.parametrize(
    ("judgement", "expected"),
    [
        (says("S04"), "PASS"),
        (says("S04", 1), "FAIL"),
        (says("S02", cases=0), "PASS"),
        (says("L1", 1), "FAIL"),
        (says("L1", cases=0), "INCONCLUSIVE"),
        (says("V1", 1), "INCONCLUSIVE"),
        (says("V1", cases=0), "INCONCLUSIVE"),
        (says("V4", 1), "FAIL"),
        (says("V4", cases=0), "INCONCLUSIVE"),
    ],
)
def test_an_oracle_says_what_its_findings_mean(judgement: judge.Judgement, expected: str) -> None:
    assert judgement.result == expected


@pytest.mark.parametrize(
    ("extra", "without_", "result", "code", "verdict"),
    [
        ([], (), "PASS", 0, "NOT_PROVEN"),
        ([says("S01", 2)], ("S01",), "FAIL", 10, "NO"),
        ([says("S04", 1, arm="twin")], (), "FAIL", 10, "NO"),
        ([says("L1", 1)], ("L1",), "FAIL", 11, "NOT_PROVEN"),
        ([says("V1", 1)], ("V1",), "INCONCLUSIVE", 12, "NOT_PROVEN"),
        ([says("V4", 1)], ("V4",), "FAIL", 12, "NOT_PROVEN"),
        ([says("S09", 1)], ("S09",), "FAIL", 13, "NO"),
        ([says("S09", 1), says("S04", 1)], ("S09", "S04"), "FAIL", 13, "NO"),
        ([says("S04", 1), says("L1", 1)], ("S04", "L1"), "FAIL", 10, "NO"),
        ([says("V1", 1), says("L1", 1)], ("V1", "L1"), "FAIL", 11, "NOT_PROVEN"),
    ],
)
def test_result_exit_code_and_verdict_follow_from_the_worst(
    extra: list[judge.Judgement], without_: tuple[str, ...], result: str, code: int, verdict: str
) -> None:
    judgements = [*without(*without_), *extra]
    assert judge.result(judgements) == result
    assert judge.exit_code(report(*judgements)) == code
    assert judge.verdict(judgements) == verdict


def test_what_the_canary_breaks_does_not_count_against_the_system() -> None:
    planted = [*CLEAN, says("S04", 3, arm="canary"), says("S09", 1, arm="canary")]
    assert judge.result(planted) == "PASS"
    assert judge.exit_code(report(*planted)) == 0
    assert judge.verdict(planted) == "NOT_PROVEN"


def test_nothing_run_is_no_success() -> None:
    assert judge.result([]) == "NOT_RUN"
    assert judge.exit_code(report()) == judge.EXIT_INCONCLUSIVE != 0
    assert judge.verdict([]) == "NOT_PROVEN"


def test_one_campaign_alone_never_proves_that_real_money_is_deserved() -> None:
    for name, arm in itertools.product(BY_ID, ("real", "twin")):
        assert judge.verdict([*CLEAN, says(name, 1, arm=arm)]) in ("NO", "NOT_PROVEN")


def _ids(missing: list[str]) -> set[str]:
    return {sentence.split()[0] for sentence in missing} & set(A_12)


def test_every_oracle_of_the_design_was_judged_or_stands_among_what_was_not() -> None:
    missing = judge.not_shown(CLEAN, [])
    judged = {each.oracle.id for each in CLEAN}
    assert judged | _ids(missing) == set(A_12)
    assert judged & _ids(missing) == set()


def test_without_chaos_no_oracle_was_judged_and_no_fault_shown() -> None:
    missing = judge.not_shown([], [])
    assert _ids(missing) == set(A_12)
    assert "no chaos" in missing[0]


def test_an_oracle_that_only_judged_the_canary_was_not_judged() -> None:
    assert "S04" in _ids(judge.not_shown([says("S04", arm="canary")], []))


def test_what_is_never_proven_and_what_the_scenarios_ask_stand_in_every_verdict() -> None:
    missing = judge.not_shown(CLEAN, ["A1(1) a kill in time"])
    assert "A1(1) a kill in time" in missing
    assert missing[-5:] == list(judge.NEVER_SHOWN)
    assert sum("target not judged" in each for each in missing) == 13


def test_a_row_of_the_verdicts_lists_who_judged_and_counts_who_failed() -> None:
    judgements = [*without("S04", "L1"), says("S04", 2), says("S04", 1, arm="twin"), says("L1", 1)]
    row = judge.verdict_row(3, judgements, ["much"], log_root="ab", n_years=0.5)
    assert row["judged"] == "L1 S01 S02 S04 S05 S09 V1 V4"
    assert (row["result"], row["verdict"], row["failures"]) == ("FAIL", "NO", 2)
    assert json.loads(row["not_shown"]) == ["much"]
    assert (row["seed"], row["log_root"], row["n_years"]) == (3, "ab", 0.5)


def test_a_judgement_can_be_told_as_json() -> None:
    told = json.loads(json.dumps(says("S05", 1).told()))
    assert told["class"] == "safety" and told["counts"] and told["result"] == "FAIL"
    assert told["first_bad_seq"] == 7
