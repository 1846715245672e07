"""From what the oracles found to a result, an exit code and a verdict; and what was not shown.

Severity is not averaged: one failure of safety outweighs any number of passes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from simcore.chaos.evidence import Finding, Oracle, OracleClass
from simcore.chaos.oracles import ORACLES

Result = Literal["PASS", "FAIL", "INCONCLUSIVE", "NOT_RUN"]
Verdict = Literal["YES", "YES_WITH_CAP", "NOT_PROVEN", "NO"]

# The worst first: composition takes the first that occurs.
_RESULTS: Final[tuple[Result, ...]] = ("FAIL", "INCONCLUSIVE", "PASS")

# A log that does not verify makes every other finding hearsay, so it speaks first.
_EXIT_CODES: Final[tuple[tuple[OracleClass, int], ...]] = (
    ("log", 13),
    ("safety", 10),
    ("liveness", 11),
    ("vacuity", 12),
)
EXIT_INCONCLUSIVE: Final = 12

# Oracles whose failure means that nothing was learnt, rather than that something broke.
_UNDECIDED: Final = frozenset({"V1"})
# Oracles that compare: without a case to compare they have decided nothing.
_NEEDS_CASES: Final = frozenset({"L1", "V1", "V4"})
# The canary is built to fail; only V4 asks whether it did.
_JUDGED_ARMS: Final = ("real", "twin")

ORACLES_NOT_BUILT: Final = (
    "S03 never blind",
    "S06 portfolio and exchange differ for 60 s at most",
    "S07 every cap holds in the worst case",
    "S08 loss budgets hold up to the gap",
    "S10 every event has a cause that ends in a root",
    "S11 a second implementation replays the log",
    "S12 one strategy's kill touches no other",
    "S13 every rate limit holds",
    "S14 a dead process is fenced",
    "S15 every rearm was earned",
    "S16 no answer is not an empty answer",
    "S17 no order outside collar, size or tick",
    "S18 a confirmed flat is flat at the exchange",
    "S19 the two logs match one to one",
    "L2 every unknown order is resolved",
    "L3 every incident closes in time",
    "L4 the campaign ends healed",
    "V2 every oracle and every control was put to the test",
    "V3 sham injections set off nothing",
)
TARGETS_NOT_JUDGED: Final = (
    "target not judged: uptime of service and of trading",
    "target not judged: unjustified global and local kills",
    "target not judged: recovery after a halt",
    "target not judged: drawdown of book and pools",
    "target not judged: corruption incidents",
    "target not judged: mismatches detected and repaired",
    "target not judged: event loss",
    "target not judged: at least 98 % of injections effective",
    "target not judged: survival without a human",
    "target not judged: time to detect, to halt and to heal",
    "target not judged: blind, duplicate and excess orders",
    "target not judged: cost of safety",
    "target not judged: explained fraction",
)
NEVER_SHOWN: Final = (
    "that the strategies earn money",
    "that a real venue behaves like the simulated exchange",
    "that kinds of fault outside the catalogue are survived",
    "that operators react well",
    "that the bound holds outside the fault model",
)


@dataclass(frozen=True)
class Judgement:
    """What one oracle says of one run."""

    oracle: Oracle
    run_id: bytes
    seed: int
    arm: str
    finding: Finding

    @property
    def result(self) -> Result:
        """PASS, FAIL or INCONCLUSIVE."""
        if self.finding.violations:
            return "INCONCLUSIVE" if self.oracle.id in _UNDECIDED else "FAIL"
        if not self.finding.antecedents and self.oracle.id in _NEEDS_CASES:
            return "INCONCLUSIVE"
        return "PASS"

    @property
    def counts(self) -> bool:
        """Whether it bears on the result; what the canary's own run shows does not."""
        return self.arm in _JUDGED_ARMS

    def told(self) -> dict[str, Any]:
        """Return the judgement as JSON values."""
        return {
            "seed": self.seed,
            "arm": self.arm,
            "oracle": self.oracle.id,
            "class": self.oracle.kind,
            "counts": self.counts,
            "antecedents": self.finding.antecedents,
            "violations": self.finding.violations,
            "first_bad_seq": self.finding.first_bad_seq,
            "result": self.result,
        }


def worst(results: Iterable[Result]) -> Result:
    """Return the composition of results: FAIL over INCONCLUSIVE over PASS; none is NOT_RUN."""
    found = set(results)
    return next((result for result in _RESULTS if result in found), "NOT_RUN")


def result(judgements: Sequence[Judgement]) -> Result:
    """Return the result of a campaign, or of one seed of it."""
    return worst(judgement.result for judgement in judgements if judgement.counts)


def verdict(judgements: Sequence[Judgement]) -> Verdict:
    """Return what one campaign alone can say about real money.

    The engine gives the same bytes for the same seed, so a failure of safety, or of the log that
    would show one, is reproducible by construction and settles the matter. Nothing short of the
    whole release settles it the other way.
    """
    failed = {each.oracle.kind for each in judgements if each.counts and each.result == "FAIL"}
    return "NO" if failed & {"safety", "log"} else "NOT_PROVEN"


def exit_code(report: Mapping[str, Any]) -> int:
    """Return the exit code of a chaos run.

    Args:
        report: ``result``, and ``oracles`` with ``class``, ``counts`` and ``result`` of each.

    Returns:
        0 PASS, 10 safety, 11 liveness, 12 vacuity, inconclusive or nothing run, 13 log.
    """
    if report["result"] == "PASS":
        return 0
    failed = {
        each["class"] for each in report["oracles"] if each["counts"] and each["result"] == "FAIL"
    }
    return next((code for kind, code in _EXIT_CODES if kind in failed), EXIT_INCONCLUSIVE)


def not_shown(judgements: Sequence[Judgement], scenario_oracles: Sequence[str]) -> list[str]:
    """Return what a campaign did not show, for its verdict.

    Args:
        judgements: What was judged; every other oracle of the table was not.
        scenario_oracles: Sentences of the scenarios that no oracle judges yet.
    """
    judged = {each.oracle.id for each in judgements if each.counts}
    left_out = [f"{each.id} {each.sentence}" for each in ORACLES if each.id not in judged]
    no_fault = [] if judgements else ["any fault at all: the campaign has no chaos"]
    return [
        *no_fault,
        *left_out,
        *ORACLES_NOT_BUILT,
        *scenario_oracles,
        *TARGETS_NOT_JUDGED,
        *NEVER_SHOWN,
    ]


def verdict_row(
    seed: int,
    judgements: Sequence[Judgement],
    missing: Sequence[str],
    *,
    log_root: str,
    n_years: float,
) -> dict[str, Any]:
    """Return one row of the verdicts table.

    Args:
        seed: Seed of the universe.
        judgements: Of that seed alone.
        missing: What was not shown.
        log_root: Root of the real arm's log; empty if nothing was run.
        n_years: Simulated time of the real arm.
    """
    decisive = [each for each in judgements if each.counts]
    return {
        "seed": seed,
        "result": result(judgements),
        "verdict": verdict(judgements),
        "judged": " ".join(sorted({each.oracle.id for each in decisive})),
        "not_shown": json.dumps(list(missing), ensure_ascii=False),
        "log_root": log_root,
        "n_years": n_years,
        "failures": len({each.oracle.id for each in decisive if each.result == "FAIL"}),
    }
