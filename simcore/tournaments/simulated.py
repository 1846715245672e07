"""Markets and runs of a tournament that no campaign surrounds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from simcore.backtests.trials import BY_HAND, TrialLedger, execution_hash, lineage, united
from simcore.bars import columns_by_path
from simcore.errors import SpecError
from simcore.problems import Hint, Problem
from simcore.scenario.document import Scenario
from simcore.store import Partition, Store
from simcore.strategy.strategy import Strategy
from simcore.tournaments.arrange import check_weights
from simcore.tournaments.book import arena_hash
from simcore.tournaments.document import TournamentDocument, read_tournament, refusal
from simcore.tournaments.evidence import STRESS, Evidence, known_maxima, tried
from simcore.tournaments.game import Start
from simcore.tournaments.paired_field import averaged
from simcore.tournaments.pairings import n_pairings, paired_runs, played_on
from simcore.tournaments.planner import Plan, plan


@dataclass(frozen=True)
class Simulated:
    """What a tournament needs to be played.

    Args:
        entries: ``strategy_id, name, version, ir_hash`` of each.
        runs: Rows of `backtests`.
        families: By scenario.
        evidence: What is known beside the runs.
    """

    entries: list[dict[str, Any]]
    runs: pl.DataFrame
    families: dict[str, str]
    evidence: Evidence


def simulated(document: TournamentDocument, home: str | Path | None) -> Simulated:
    """Generate the markets of a tournament and run every entry on them, as asked and under stress.

    In an arena every pair of entries runs, and under stress nobody does.

    Args:
        document: With ids for entries and scenarios.
        home: Where the user's own documents lie. With one, every run is a trial of its ledger.

    Raises:
        SpecError: A document is wrong; all problems of all of them at once.
    """
    from simcore.backtests.run import scored_runs
    from simcore.scenario.manifest import generate_with_manifest

    strategies, scenarios = _named(document, home)
    markets = [(manifest, bars) for bars, manifest in map(generate_with_manifest, scenarios)]
    entries = [
        {
            "strategy_id": strategy.id,
            "name": strategy.name,
            "version": strategy.version,
            "ir_hash": strategy.ir_hash,
        }
        for strategy in strategies
    ]
    families = {manifest["scenario_id"]: manifest["family"] for manifest, _ in markets}
    stress = None
    if document.arena is None:
        runs = scored_runs(strategies, markets, document.execution, document.initial_cash)
        stress = scored_runs(strategies, markets, STRESS, document.initial_cash)
    else:
        runs = paired_runs(document, strategies, markets)
    lineages = lineages_of(markets)
    trials = trials_of(runs, strategies, lineages, document)
    if home is not None:
        trials = written_down(Store.of(home), strategies, trials)
    evidence = Evidence(
        trials=tried(trials, list(lineages.values())),
        stress=stress,
        sharpe_max=known_maxima([manifest for manifest, _ in markets]),
    )
    return Simulated(entries, runs, families, evidence)


def _named(
    document: TournamentDocument, home: str | Path | None
) -> tuple[list[Strategy], list[Scenario]]:
    """Return every strategy and every scenario that a document names; nothing is generated."""
    from simcore.scenario.document import load
    from simcore.strategy.strategy import compile_strategy

    problems = [
        Problem(
            "DOC_INVALID",
            "CAMPAIGN_ONLY",
            f'got "campaign", expected ids: {document.id} is played without a campaign',
            path=f"/{name}",
            source=document.id,
            hints=(Hint("list the ids, or run the campaign that names this tournament"),),
        )
        for name, ids in (("entries", document.entries), ("scenarios", document.scenarios))
        if ids is None
    ]
    strategies, scenarios = [], []
    for strategy_id in document.entries or ():
        try:
            strategies.append(compile_strategy(strategy_id, home=home))
        except SpecError as error:
            problems += error.problems
    for scenario_id in document.scenarios or ():
        try:
            scenarios.append(load(scenario_id, home=home))
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems)
    run_on = played_on(document, strategies, [each.document for each in scenarios])
    check_weights(document, [each.family for each in run_on])
    return strategies, scenarios


def planned(
    document: str | Path | dict[str, Any], *, home: str | Path | None = None
) -> tuple[str, Plan]:
    """Return what a tournament will be able to see, as a line and as numbers, and run nothing.

    Args:
        document: A tournament document, its id, path or text. It names its entries and scenarios.
        home: Where the user's own documents lie.

    Raises:
        SpecError: The document, or one that it names, is wrong, or nobody could meet anybody.
    """
    asked = read_tournament(document, home=home)
    strategies, scenarios = _named(asked, home)
    meeting = [
        (each.document, len({own.ir_hash for own in strategies if own.timeframe == timeframe}))
        for each in scenarios
        for timeframe in (each.document.timeframe,)
    ]
    families = [law.family for law, n in meeting if n > 1 for _ in range(law.paths)]
    if not families:
        programs = len({each.ir_hash for each in strategies})
        found = f"{programs} different strategies, {len(scenarios)} scenarios"
        message = f"got {found}, expected two that share a market"
        raise refusal(asked, "NO_GAMES", "/entries", message)
    # Markets that weigh less tell less: what is planned with is how many of equal weight would do.
    start = Start((), (), families=tuple(families), family_weights=asked.family_weights or {})
    made = plan(
        max(round(1.0 / math.fsum(start.shares(range(len(families))) ** 2)), 1), alpha=asked.alpha
    )
    arenas = sum(n_pairings(n, law.paths) for law, n in meeting)
    meet = f" in {arenas} arenas" if asked.arena is not None else ""
    line = (
        f"{asked.id}: {len(strategies)} entries, {len(families)} markets, "
        f"{asked.format.type}{meet}; sees a difference of {made.mde_sd:.3g} deviations of paired "
        f"scores in {made.power:.0%} of cases, at an error of {made.alpha:g}"
    )
    return line, made


def lineages_of(
    markets: Sequence[tuple[Mapping[str, Any], pl.DataFrame]],
) -> dict[tuple[str, int], str]:
    """Return what tells each path's history from others, by scenario and path.

    Args:
        markets: Manifest and rows of `bars` of each scenario; the first bars of each path do.
    """
    return {
        (manifest["scenario_id"], path): lineage(history)
        for manifest, bars in markets
        for path, history in columns_by_path(bars)
    }


def trials_of(
    runs: pl.DataFrame,
    strategies: Sequence[Strategy],
    lineages: Mapping[tuple[str, int], str],
    document: TournamentDocument,
) -> pl.DataFrame:
    """Return the runs of a tournament as rows of the table `trials`.

    Args:
        runs: Rows of `backtests`, or of `paired_runs` for an arena; those of other executions are
            left out. What an entry did against several is one trial.
        strategies: Whose runs.
        lineages: By scenario and path, as `lineages_of` gives.
        document: The tournament, which names who asked and the execution.
    """
    own = runs.filter(pl.col("execution") == document.made_under)
    made_under = execution_hash(document.execution)
    if document.arena is not None:
        own, made_under = averaged(own), arena_hash(document.execution, document.arena)
    struct = {each.id: each.struct_hash for each in strategies}
    ran_on = [lineages[key] for key in own.select("scenario_id", "path").iter_rows()]
    frame = own.select(
        pl.Series("lineage", ran_on, dtype=pl.String),
        "ir_hash",
        pl.lit(made_under).alias("execution_hash"),
        pl.col("strategy_id").replace_strict(struct, return_dtype=pl.String).alias("struct_hash"),
        "strategy_id",
        (pl.col("sharpe") / pl.col("bars_per_year").sqrt()).alias("sharpe_bar"),
        "bars",
        pl.lit(f"tournament {document.id}").alias("asked_by"),
    )
    return united([frame])


def written_down(
    store: Store, strategies: Sequence[Strategy], trials: pl.DataFrame
) -> pl.DataFrame:
    """Write trials into the ledger of a lake, and return all that it holds.

    What an entry scores in arenas depends on whom it meets: of a trial that was there before, the
    rows have what it scored now.

    Args:
        store: The lake.
        strategies: Whose trials.
        trials: Rows of the table `trials`.
    """
    ledger = TrialLedger(store)
    for strategy in strategies:
        own = trials.filter(pl.col("strategy_id") == strategy.id)
        ledger.add(Partition(campaign=BY_HAND, strategy=strategy.id), own)
    return united([trials, ledger.read()])
