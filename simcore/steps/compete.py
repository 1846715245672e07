"""The tournaments of a campaign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from simcore import engine
from simcore.backtests.request import execution_fields
from simcore.backtests.run import scored_runs
from simcore.backtests.trials import LINEAGE_BARS, TrialLedger, united
from simcore.campaign import Campaign
from simcore.errors import StoreError
from simcore.parquet import Footer
from simcore.seeds import jcs, sha256_hex
from simcore.steps.step import (
    Outcome,
    Rows,
    Step,
    campaign_markets,
    campaign_runs,
    contents,
    manifests,
    needed,
    settled,
    with_facts,
)
from simcore.store import Partition, Provenance, Store
from simcore.strategy.strategy import Strategy
from simcore.tables import TABLES
from simcore.tournaments.book import arena_hash
from simcore.tournaments.document import TournamentDocument
from simcore.tournaments.evidence import STRESS, Evidence, known_maxima, tried
from simcore.tournaments.history import daily_rollups, days_of
from simcore.tournaments.pairings import paired_runs
from simcore.tournaments.play import Played, play
from simcore.tournaments.seeding import in_order, ratings_of, seeded_by
from simcore.tournaments.simulated import lineages_of, trials_of, written_down

STEP: Final = Step.of(
    ("games", "standings", "daily_rollups"), ("tournaments", "scoring", "backtests", "strategy")
)


def tournaments(store: Store, campaign: Campaign) -> list[Outcome]:
    """Play every tournament of a campaign: the tables `games`, `standings` and `daily_rollups`.

    Raises:
        StoreError: Runs of an entry are not there, or were made from another document.
        SpecError: A tournament has nobody to compare.
    """
    partition = Partition(campaign=campaign.id)
    upstream = contents(store, campaign.id, ("scenarios", "bars"))
    for strategy in campaign.strategies:
        place = Partition(campaign=campaign.id, strategy=strategy.id)
        footer = needed(store, TABLES["backtests"], place)
        _check_is_of(footer, strategy)
        upstream[f"backtests/{place.key}"] = footer.content_hash
    lineages, trials = _tried(store, campaign)
    provenance = Provenance(
        documents={
            **{
                f"tournaments/{each.id}": sha256_hex(jcs(each.model_dump(mode="json")))
                for each in campaign.tournaments
            },
            # Names and versions stand in the standings, so the document counts, not the program.
            **{f"strategies/{each.id}": each.doc_hash for each in campaign.strategies},
        },
        seed=None,  # every tournament brings its own, within its document
        engine_version=engine.version(),
        upstream=upstream,
        settings={
            "code": STEP.code,
            "stress": execution_fields(STRESS),
            # With other trials before it, a result is worth something else.
            "trials": tried(_of_others(campaign, lineages, trials), list(lineages.values())).digest,
        },
    )
    outcomes = settled(
        store,
        STEP.tables,
        partition,
        provenance,
        lambda: _made(store, campaign, trials, lineages),
    )
    rows = store.read(TABLES["standings"], partition, ["tournament_id", "strategy_id", "rank"])
    leaders = rows.filter(pl.col("rank") == 1).sort("tournament_id", "strategy_id")
    named = ", ".join(f"{row[0]}: {row[1]}" for row in leaders.iter_rows())
    facts: dict[str, Any] = {"leaders": named or "-", "entries": len(campaign.strategies)}
    if campaign.refused:
        facts["refused"] = "\n".join(str(problem) for problem in campaign.refused)
    return with_facts(outcomes, facts)


def _check_is_of(footer: Footer, strategy: Strategy) -> None:
    made_from = footer.documents.get(f"strategies/{strategy.id}")
    if made_from != strategy.ir_hash:
        raise StoreError(
            "OUTDATED",
            f"{footer.path}: got runs of the program {made_from}, expected {strategy.ir_hash} "
            "[materialise the backtests of this strategy first]",
            is_passing=True,
        )


def _tried(store: Store, campaign: Campaign) -> tuple[dict[tuple[str, int], str], pl.DataFrame]:
    """Return the lineage of each path of the campaign, and every trial that was ever made."""
    bars = store.read(TABLES["bars"], Partition(campaign=campaign.id)).filter(
        pl.col("t") < LINEAGE_BARS, pl.col("asset") == 0
    )
    markets = [
        (row, bars.filter(pl.col("scenario_id") == row["scenario_id"]))
        for row in manifests(store, campaign)
    ]
    return lineages_of(markets), TrialLedger(store).read()


def _stressed(store: Store, campaign: Campaign) -> pl.DataFrame:
    """Return the runs of every strategy once more, under stress."""
    markets = campaign_markets(store, campaign, manifests(store, campaign))
    return scored_runs(campaign.strategies, markets, STRESS, campaign.document.initial_cash)


def _compared(
    store: Store, campaign: Campaign, asked: TournamentDocument, alone: pl.DataFrame
) -> pl.DataFrame:
    """Return the runs that a tournament compares: those alone, or in arenas those of each pair."""
    if asked.arena is None:
        return alone
    markets = campaign_markets(store, campaign, manifests(store, campaign))
    return paired_runs(asked, campaign.strategies, markets)


def _of_others(
    campaign: Campaign, lineages: Mapping[tuple[str, int], str], trials: pl.DataFrame
) -> pl.DataFrame:
    """Return the trials but for those of the campaign's own arenas, which its games write down."""
    own = [
        (history, strategy.ir_hash, arena_hash(each.execution, each.arena))
        for each in campaign.tournaments
        if each.arena is not None
        for (scenario_id, _), history in lineages.items()
        if each.scenarios is None or scenario_id in each.scenarios
        for strategy in campaign.strategies
        if each.entries is None or strategy.id in each.entries
    ]
    key = {name: pl.String() for name in TABLES["trials"].key}
    return trials.join(pl.DataFrame(own, schema=key, orient="row"), on=list(key), how="anti")


def _made(
    store: Store,
    campaign: Campaign,
    trials: pl.DataFrame,
    lineages: Mapping[tuple[str, int], str],
) -> Rows:
    """Return the rows of every table; what the arenas tried is written down before it is judged.

    Runs alone are written down by the step that walks them forward.
    """
    runs = campaign_runs(store, campaign)
    played: dict[str, Played] = {}
    if campaign.strategies:
        asked = in_order(campaign.tournaments)
        compared = {each.id: _compared(store, campaign, each, runs) for each in asked}
        own = {
            each.id: trials_of(compared[each.id], campaign.strategies, lineages, each)
            for each in asked
        }
        in_arenas = [own[each.id] for each in asked if each.arena is not None]
        if in_arenas:
            written_down(store, campaign.strategies, united(in_arenas))
        # A run counts whether or not its step has written it down by now.
        known = {each.id: united([own[each.id], *own.values(), trials]) for each in asked}
        played = _play_all(store, campaign, asked, compared, known, lineages)
    standings = pl.concat(
        [TABLES["standings"].empty(), *(each.standings for each in played.values())]
    )
    return {
        "daily_rollups": rollups(store, campaign, runs, standings),
        "games": pl.concat([TABLES["games"].empty(), *(each.games for each in played.values())]),
        "standings": standings,
    }


def _play_all(
    store: Store,
    campaign: Campaign,
    asked: Sequence[TournamentDocument],
    compared: Mapping[str, pl.DataFrame],
    trials: Mapping[str, pl.DataFrame],
    lineages: Mapping[tuple[str, int], str],
) -> dict[str, Played]:
    """Play tournaments one after the other, with the runs and the known trials of each."""
    scenarios = manifests(store, campaign)
    families = {row["scenario_id"]: row["family"] for row in scenarios}
    entries = [
        {
            "strategy_id": each.id,
            "name": each.name,
            "version": each.version,
            "ir_hash": each.ir_hash,
        }
        for each in campaign.strategies
    ]
    stress = _stressed(store, campaign)
    played: dict[str, Played] = {}
    for each in asked:
        ids = families if each.scenarios is None else each.scenarios
        own = [name for (scenario_id, _), name in lineages.items() if scenario_id in ids]
        earlier = seeded_by(each)
        evidence = Evidence(
            trials=tried(trials[each.id], own),
            stress=stress,
            sharpe_max=known_maxima(scenarios),
            prior=ratings_of(played[earlier].standings) if earlier is not None else {},
        )
        played[each.id] = play(each, entries, compared[each.id], families, evidence=evidence)
    return played


def rollups(
    store: Store, campaign: Campaign, runs: pl.DataFrame, standings: pl.DataFrame
) -> pl.DataFrame:
    """Return the table `daily_rollups` of a campaign.

    Args:
        store: The lake; the bars are read.
        campaign: Whose days.
        runs: Rows of `backtests` of its strategies.
        standings: Its rows of `standings`.
    """
    first = standings.filter(pl.col("rank") == 1)
    leaders = {
        name: first.filter(pl.col("tournament_id") == name)["strategy_id"].to_list()
        for name in standings["tournament_id"].unique().sort()
    }
    bars = store.read(
        TABLES["bars"], Partition(campaign=campaign.id), ["scenario_id", "path", "ts"]
    )
    return daily_rollups(runs, days_of(bars), leaders)
