"""A chaos campaign: every seed in its three arms, judged, as tables of the project.

The engine runs the universes; the oracles read what it wrote down. Nothing here decides what is
right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from simcore import engine
from simcore.campaign_document import (
    CODE,
    CampaignDocument,
    read_whole,
    readable,
    unknown_names,
)
from simcore.chaos import decode, incidents, log, market
from simcore.chaos.document import LevelDocument, scenarios
from simcore.chaos.evidence import Evidence, Run
from simcore.chaos.oracles import ORACLES
from simcore.chaos.oracles.orders import duplicates
from simcore.chaos.reckoning import injection_rows, oracle_rows, report_row
from simcore.chaos.schedule import (
    ARMS,
    Arm,
    injections,
    level_for,
    run_seeds,
    stack_of,
    universe,
)
from simcore.chaos.twin import with_twin
from simcore.chaos.verdict import Judgement, not_shown, result, verdict, verdict_row
from simcore.documents import parse
from simcore.errors import InvariantError, SpecError
from simcore.problems import Problem
from simcore.seeds import SEED_MAX, jcs, sha256_hex
from simcore.tables import TABLES

LOGGED: Final = (
    "events", "xlog", "anchors", "intents", "permits", "kills", "orders", "fills", "positions",
    "equity", "injections",
)  # fmt: skip
JUDGED: Final = ("incidents", "oracle_results", "report")
DAYS_A_YEAR: Final = 365.0


@dataclass(frozen=True)
class ChaosRun:
    """What a chaos campaign found.

    Args:
        report: Result, verdict, what each oracle said of each run, what was not shown; JSON.
        tables: Every chaos table and the verdicts, by name, as they are stored.
        root: Root of the real arms' logs, 64 hexadecimal digits; empty if nothing ran.
        verdict: NOT_PROVEN or NO; one campaign alone proves no more.
    """

    report: dict[str, Any]
    tables: dict[str, pl.DataFrame]
    root: str
    verdict: str


@dataclass(frozen=True)
class _Seed:
    """One seed of a campaign: its arms, what they are judged by, and what was found."""

    seed: int
    evidence: Mapping[str, Evidence]
    log_root: str
    judgements: tuple[Judgement, ...]

    def of(self, arm: str) -> list[Judgement]:
        return [each for each in self.judgements if each.arm == arm]


def chaos_run(
    campaign: Any, *, seed: int | None = None, home: str | Path | None = None
) -> ChaosRun:
    """Run a campaign's chaos in its three arms and judge it.

    Args:
        campaign: A campaign's document, its id, path or text; one that was checked is not
            checked again.
        seed: Seed of the one universe to run, as the tables name it, 0 to 2**53 - 1; None runs
            those of the campaign.
        home: Folder whose documents join the library's.

    Raises:
        SpecError: The document is wrong, names what is not known, or is too short for its level
            of chaos; or the seed is none. With every problem, before any work.
        EngineError: The engine refused a universe.
    """
    asked, plan = _asked(campaign, seed, home)
    if plan is None:
        return _nothing(asked)
    seeds = run_seeds(asked.seed, plan.seeds) if seed is None else (seed,)
    return _assembled(plan, asked, [_one_seed(asked, plan, each) for each in seeds])


def _asked(
    campaign: Any, seed: int | None, home: str | Path | None
) -> tuple[CampaignDocument, LevelDocument | None]:
    """Return the campaign's document and its level, None for no chaos; or refuse them whole."""
    wrong = _seed_problems(seed)
    asked = campaign if isinstance(campaign, CampaignDocument) else None
    source = "" if asked is None else asked.id
    named = None if asked is None else readable(asked.model_dump(mode="json"))
    if named is None:
        loaded = read_whole(campaign, home=home)
        source, named = loaded.source, readable(loaded.document)
        try:
            asked = parse(CampaignDocument, loaded, CODE)
        except SpecError as error:
            wrong += error.problems
        wrong += unknown_names(named, source, home=home)
    plan = None
    try:
        plan = level_for(named.chaos, named.days, source)
    except SpecError as error:
        wrong += error.problems
    if asked is None or wrong:
        raise SpecError(wrong)
    return asked, plan


def _seed_problems(seed: Any) -> list[Problem]:
    """Return what is wrong with the seed of a run."""
    if seed is None:
        return []
    is_whole = isinstance(seed, int) and not isinstance(seed, bool)
    if is_whole and 0 <= seed <= SEED_MAX:
        return []
    reason = "OUT_OF_RANGE" if is_whole else "WRONG_TYPE"
    message = f"got {seed!r}, expected a whole number from 0 to {SEED_MAX} (2**53 - 1)"
    return [Problem(CODE, reason, message, source="seed of the run")]


def _one_seed(asked: CampaignDocument, plan: LevelDocument, seed: int) -> _Seed:
    """Run the three arms of one seed and judge them."""
    stack = stack_of(plan)
    planned = injections(plan, seed)
    codes = engine.catalogue()["paper"]
    runs: dict[str, Run] = {}
    roots: dict[str, str] = {}
    undisturbed = market.paths(universe(asked.id, seed, "twin", asked.days, stack, []))
    digest = market.digest(undisturbed)
    for arm in ARMS:
        document = universe(asked.id, seed, arm, asked.days, stack, planned)
        columns, facts = engine.paper(document)
        runs[arm] = _run(asked, seed, arm, document, columns, facts["run_id"], codes)
        roots[arm] = facts["log_root"]
        if facts["market_digest"] != digest:
            raise InvariantError(
                f"{asked.id}, seed {seed}, arm {arm}: found a market with the digest "
                f"{facts['market_digest']}, expected {digest}"
            )
    evidence = {
        arm: Evidence(
            replace(run, tables=_beside_twin(run, runs["twin"])),
            twin=runs["twin"],
            canary=runs["canary"],
            e0_uusd=stack.e0_uusd,
            days=asked.days,
            market=market.closes(undisturbed),
        )
        for arm, run in runs.items()
    }
    judgements = tuple(each for known in evidence.values() for each in _judged(known))
    return _Seed(seed, evidence, roots["real"], judgements)


def _beside_twin(run: Run, twin: Run) -> dict[str, pl.DataFrame]:
    equity = with_twin(run.tables["equity"], twin.tables["equity"])
    return {**run.tables, "equity": equity}


def _run(
    asked: CampaignDocument,
    seed: int,
    arm: Arm,
    document: Mapping[str, Any],
    columns: Mapping[str, Mapping[str, Any]],
    reported_id: str,
    codes: decode.Codes,
) -> Run:
    universe_sha256 = sha256_hex(jcs(dict(document)))
    run_id = log.run_id(log.identity("system", asked.id, seed, arm, universe_sha256))
    if reported_id != run_id:
        raise InvariantError(
            f"{asked.id}, seed {seed}, arm {arm}: found run {reported_id}, expected {run_id}"
        )
    tables = {name: decode.frame(name, columns[name], codes) for name in LOGGED}
    tables["anchors"] = tables["anchors"].with_columns(universe_sha256=pl.lit(universe_sha256))
    tables["injections"] = _planned(tables["injections"], document["injections"])
    return Run(asked.id, seed, arm, bytes.fromhex(run_id), tables)


def _planned(found: pl.DataFrame, documents: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return the faults as they were planned; of the engine's rows only what it alone knows."""
    rows = [
        {
            "inj_id": each["inj_id"],
            "kind": each["kind"],
            "intensity": each["intensity"],
            "params": jcs(each["params"]).decode(),
            "t_arm": each["t_arm"],
        }
        for each in documents
    ]
    names = ("inj_id", "kind", "intensity", "params", "t_arm")
    types = TABLES["chaos_injections"].polars_schema()
    planned = pl.DataFrame(rows, schema={name: types[name] for name in names})
    return planned.join(found.select("inj_id", "target", "sham"), on="inj_id", how="left")


def _judged(evidence: Evidence) -> list[Judgement]:
    run = evidence.run
    return [
        Judgement(oracle, run.run_id, run.seed, run.arm, oracle.evaluate(evidence))
        for oracle in ORACLES
        if run.arm in oracle.arms
    ]


def _assembled(plan: LevelDocument, asked: CampaignDocument, seeds: Sequence[_Seed]) -> ChaosRun:
    """Return the tables and the report of all seeds."""
    known = scenarios()
    sentences = [
        sentence for item in plan.injections for sentence in known[item.scenario].not_judged
    ]
    judgements = [each for one in seeds for each in one.judgements]
    missing = not_shown(judgements, sentences)
    parts: dict[str, list[pl.DataFrame]] = {name: [] for name in (*LOGGED, *JUDGED)}
    for one in seeds:
        for evidence in one.evidence.values():
            found = _rows(one, evidence)
            if evidence.run.arm == "real":
                found["report"] = _report(one, found["injections"], missing, asked.days)
            for name, rows in found.items():
                run = evidence.run
                parts[name].append(decode.marked(rows, run.run_id, run.seed, run.arm))
    tables = {f"{decode.PREFIX}{name}": decode.whole(name, rows) for name, rows in parts.items()}
    verdicts = [
        verdict_row(
            one.seed,
            one.judgements,
            missing,
            log_root=one.log_root,
            n_years=asked.days / DAYS_A_YEAR,
        )
        for one in seeds
    ]
    roots = [one.log_root for one in seeds]
    root = roots[0] if len(roots) == 1 else sha256_hex(jcs(roots))
    return _told(asked, judgements, missing, tables, verdicts, root)


def _rows(one: _Seed, evidence: Evidence) -> dict[str, pl.DataFrame]:
    """Return the tables of one run but the report, without the columns that name the run."""
    run = evidence.run
    judged = one.of(run.arm)
    failed = [each.oracle.id for each in judged if each.result == "FAIL"]
    oracles_of = {str(each.kind): each.oracles for each in scenarios().values()}
    found = incidents.rows(run, run.tables["equity"], duplicates(run)["ts"])
    return {
        **run.tables,
        "injections": injection_rows(evidence, failed, oracles_of),
        "incidents": _frame("incidents", found),
        "oracle_results": _frame("oracle_results", oracle_rows(judged)),
    }


def _frame(name: str, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return rows with the types of their table, also where there are none."""
    types = TABLES[f"{decode.PREFIX}{name}"].polars_schema()
    named = {column: kind for column, kind in types.items() if column not in decode.RUN_COLUMNS}
    return pl.DataFrame(list(rows), schema=named)


def _report(one: _Seed, injected: pl.DataFrame, missing: Sequence[str], days: int) -> pl.DataFrame:
    """Return the row of the report of one seed."""
    run = one.evidence["real"].run
    row = verdict_row(one.seed, one.judgements, missing, log_root=one.log_root, n_years=0.0)
    figures = report_row(run, injected, incidents.incidents(run), days)
    told = {name: row[name] for name in ("result", "judged", "not_shown", "log_root")}
    return _frame("report", [{**told, **figures}])


def _nothing(asked: CampaignDocument) -> ChaosRun:
    """Return whole and empty tables, and a verdict that says that nothing was run."""
    missing = not_shown([], [])
    tables = {f"{decode.PREFIX}{name}": decode.whole(name, []) for name in (*LOGGED, *JUDGED)}
    row = verdict_row(asked.seed, [], missing, log_root="", n_years=0.0)
    return _told(asked, [], missing, tables, [row], "")


def _told(
    asked: CampaignDocument,
    judgements: Sequence[Judgement],
    missing: Sequence[str],
    tables: dict[str, pl.DataFrame],
    verdicts: Sequence[Mapping[str, Any]],
    root: str,
) -> ChaosRun:
    """Return the campaign's outcome, as tables and in one dictionary."""
    conformed = TABLES["verdicts"].conform(
        pl.DataFrame(list(verdicts), schema=TABLES["verdicts"].polars_schema())
    )
    report = {
        "campaign": asked.id,
        "chaos": asked.chaos,
        "days": asked.days,
        "seeds": [row["seed"] for row in verdicts],
        "result": result(judgements),
        "verdict": verdict(judgements),
        "root": root,
        "judged": sorted({each.oracle.id for each in judgements if each.counts}),
        "oracles": [each.told() for each in judgements],
        "not_shown": list(missing),
    }
    whole = {**tables, "verdicts": TABLES["verdicts"].sort(conformed)}
    return ChaosRun(report, whole, root, verdict(judgements))
