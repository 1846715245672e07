"""The steps of a campaign over the lake: each finds its tables current, or makes and writes them.

A step does no arithmetic of its own; it fetches, calls, writes, and says what it did. A partition
is current if its footer names exactly the inputs of today and its rows still hash to what the
footer says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from simcore import engine
from simcore.backtests.request import execution_fields
from simcore.backtests.run import run_strategy
from simcore.campaign import Campaign
from simcore.campaign_document import NO_CHAOS
from simcore.chaos.campaign import chaos_run
from simcore.chaos.schedule import (
    ARMS,
    document_hashes,
    injections,
    level,
    run_seeds,
    stack_of,
    universe,
)
from simcore.errors import StoreError
from simcore.parquet import Footer
from simcore.report import page, sections
from simcore.scenario.document import effective
from simcore.scenario.manifest import generate_with_manifest
from simcore.scenario.stylised import card
from simcore.seeds import jcs, sha256_hex
from simcore.sources import digest
from simcore.store import Partition, Provenance, Store
from simcore.strategy import lineage as lineages
from simcore.strategy.strategy import Strategy
from simcore.tables import TABLES
from simcore.tables.table import Table
from simcore.tournaments.play import Played, play


def _tables(*names: str) -> tuple[Table, ...]:
    return tuple(TABLES[name] for name in names)


# The tables that each step writes; together they are every table there is.
MARKETS: Final = _tables("scenarios", "bars", "stylised_facts")
STRATEGIES: Final = _tables("strategies", "lineage")
BACKTESTS: Final = _tables("backtests", "trades", "equity")
TOURNAMENTS: Final = _tables("games", "standings")
CHAOS: Final = (
    *(table for name, table in TABLES.items() if name.startswith("chaos_")),
    TABLES["verdicts"],
)
REPORT: Final = _tables("report")

# The Python that computes each step's rows; the engine's sources stand in its own version.
_SOURCES: Final = (
    (MARKETS, ("scenario",)),
    (STRATEGIES, ("strategy",)),
    (BACKTESTS, ("backtests", "strategy", "bars.py")),
    (TOURNAMENTS, ("tournaments", "scoring")),
    (CHAOS, ("chaos",)),
    (REPORT, ("report.py",)),
)

_REPORTED: Final = (
    "scenarios",
    "standings",
    "verdicts",
    "chaos_oracle_results",
    "chaos_injections",
    "chaos_incidents",
    "chaos_report",
)

Rows = Mapping[str, pl.DataFrame]
"""Rows by the name of their table."""


@dataclass(frozen=True)
class Outcome:
    """What became of one partition.

    Args:
        table: What the rows are.
        partition: Where they lie.
        footer: What the file says of itself.
        is_reused: Whether it was current and nothing was done.
        mended: What was wrong with the file that was replaced; empty if nothing was.
        facts: A few values worth showing beside the file's own; text, numbers.
    """

    table: Table
    partition: Partition
    footer: Footer
    is_reused: bool
    mended: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def code(table: Table) -> str:
    """Return the digest of the Python that computes a table's rows."""
    return next(digest(*parts) for tables, parts in _SOURCES if table in tables)


def markets(store: Store, campaign: Campaign) -> list[Outcome]:
    """Generate every scenario of a campaign: `scenarios`, `bars` and `stylised_facts`.

    Raises:
        EngineError: A scenario is refused.
    """
    partition = Partition(campaign=campaign.id)
    provenance = Provenance(
        documents={
            f"scenarios/{scenario.id}": sha256_hex(jcs(effective(scenario)))
            for scenario in campaign.scenarios
        },
        seed=None,  # every scenario brings its own, within its document
        engine_version=engine.version(),
        settings={"code": code(MARKETS[0])},
    )

    def generate() -> Rows:
        frames, manifests, cards = [], [], []
        for scenario in campaign.scenarios:
            frame, manifest = generate_with_manifest(scenario)
            frames.append(frame.with_columns(scenario_id=pl.lit(scenario.id)))
            manifests.append(manifest)
            cards += [{"scenario_id": scenario.id, **row} for row in card(scenario, frame)]
        return {
            "scenarios": pl.DataFrame(manifests, schema=TABLES["scenarios"].polars_schema()),
            "bars": pl.concat(frames),
            "stylised_facts": pl.DataFrame(cards, schema=TABLES["stylised_facts"].polars_schema()),
        }

    outcomes = _settled(store, MARKETS, partition, provenance, generate)
    rows = store.read(TABLES["scenarios"], partition, ["bars", "paths"])
    total = int((rows["bars"].cast(pl.Int64) * rows["paths"].cast(pl.Int64)).sum())
    return _with_facts(outcomes, {"scenarios": rows.height, "bars": total})


def strategies(
    store: Store, strategy: Strategy, lineage: lineages.Lineage | None = None
) -> list[Outcome]:
    """Write down one compiled strategy: the tables `strategies` and `lineage`.

    Args:
        store: The lake.
        strategy: What is written down.
        lineage: Where it comes from; None for a strategy that a person wrote.
    """
    partition = Partition(strategy=strategy.id)
    origin = lineages.authored(strategy) if lineage is None else lineage
    provenance = Provenance(
        documents={
            f"strategies/{strategy.id}": strategy.doc_hash,
            f"lineage/{strategy.id}": sha256_hex(jcs(origin.model_dump(mode="json"))),
        },
        seed=None,  # that of its draws belongs to its lineage
        engine_version=engine.version(),
        settings={"code": code(STRATEGIES[0])},
    )
    row = {
        "strategy_id": strategy.id,
        "revision": strategy.version,
        "doc_hash": strategy.doc_hash,
        "ir_hash": strategy.ir_hash,
        "struct_hash": strategy.struct_hash,
        "lookback_bars": strategy.lookback_bars,
        "document": jcs(strategy.document).decode(),
    }

    def write() -> Rows:
        ancestry = pl.DataFrame(lineages.rows(strategy, origin), infer_schema_length=None)
        return {"strategies": pl.DataFrame([row]), "lineage": ancestry}

    outcomes = _settled(store, STRATEGIES, partition, provenance, write)
    facts = {
        "name": strategy.name,
        "lookback_bars": strategy.lookback_bars,
        "origin": " ".join((origin.operator, *(parent.label for parent in origin.parents))),
    }
    return _with_facts(outcomes, facts)


def backtests(store: Store, campaign: Campaign, strategy: Strategy) -> list[Outcome]:
    """Run one strategy through a campaign: the tables `backtests`, `trades` and `equity`.

    A strategy that the campaign does not name, or that has no scenario of its timeframe, gets
    empty, whole partitions.

    Raises:
        StoreError: The campaign's markets are not there.
        EngineError: A run is refused.
    """
    partition = Partition(campaign=campaign.id, strategy=strategy.id)
    asked = campaign.document
    manifests = _manifests(store, campaign) if campaign.enters(strategy.id) else []
    own = [row for row in manifests if row["timeframe"] == strategy.timeframe]
    provenance = Provenance(
        # What the strategy does, not how its document is spelled; the tags stand in the trades.
        documents={f"strategies/{strategy.id}": strategy.ir_hash},
        seed=None,
        engine_version=engine.version(),
        upstream=_contents(store, campaign.id, ("scenarios", "bars")) if own else {},
        settings={
            "code": code(BACKTESTS[0]),
            "execution": execution_fields(asked.execution),
            "initial_cash": asked.initial_cash,
            "tags": list(strategy.tags),
            "scenarios": [row["scenario_id"] for row in own],
        },
    )

    def run() -> Rows:
        if not own:
            return {table.name: table.empty() for table in BACKTESTS}
        bars = store.read(TABLES["bars"], Partition(campaign=campaign.id))
        pairs = [(row, bars.filter(pl.col("scenario_id") == row["scenario_id"])) for row in own]
        made = run_strategy(strategy, pairs, asked.execution, asked.initial_cash)
        return dict(zip(("backtests", "trades", "equity"), made, strict=True))

    outcomes = _settled(store, BACKTESTS, partition, provenance, run)
    rows = store.read(TABLES["backtests"], partition, ["total_return", "sharpe", "n_trades"])
    facts = {
        "runs": rows.height,
        "total_return_median": rows["total_return"].median(),
        "sharpe_median": rows["sharpe"].median(),
        "trades_closed": int(rows["n_trades"].sum()),
    }
    return _with_facts(outcomes, facts)


def tournaments(store: Store, campaign: Campaign) -> list[Outcome]:
    """Play every tournament of a campaign: the tables `games` and `standings`.

    Raises:
        StoreError: Runs of an entry are not there, or were made from another document.
        SpecError: A tournament has nobody to compare.
    """
    partition = Partition(campaign=campaign.id)
    upstream = _contents(store, campaign.id, ("scenarios",))
    for strategy in campaign.strategies:
        place = Partition(campaign=campaign.id, strategy=strategy.id)
        footer = _needed(store, TABLES["backtests"], place)
        _check_is_of(footer, strategy)
        upstream[f"backtests/{place.key}"] = footer.content_hash
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
        settings={"code": code(TOURNAMENTS[0])},
    )
    outcomes = _settled(
        store, TOURNAMENTS, partition, provenance, lambda: _play_all(store, campaign)
    )
    rows = store.read(TABLES["standings"], partition, ["tournament_id", "strategy_id", "rank"])
    leaders = rows.filter(pl.col("rank") == 1).sort("tournament_id", "strategy_id")
    named = ", ".join(f"{row[0]}: {row[1]}" for row in leaders.iter_rows())
    facts: dict[str, Any] = {"leaders": named or "-", "entries": len(campaign.strategies)}
    if campaign.refused:
        facts["refused"] = "\n".join(str(problem) for problem in campaign.refused)
    return _with_facts(outcomes, facts)


def chaos(store: Store, campaign: Campaign) -> list[Outcome]:
    """Shake the paper-trading stack and judge it: the tables `chaos_*` and `verdicts`.

    A campaign without chaos gets empty tables, and a verdict that says so.

    Raises:
        EngineError: A universe is refused.
    """
    partition = Partition(campaign=campaign.id)
    asked = campaign.document
    provenance = Provenance(
        documents=_universes(campaign),
        seed=asked.seed,
        engine_version=engine.version(),
        settings={"code": code(CHAOS[0]), "chaos": asked.chaos, "days": asked.days},
    )
    outcomes = _settled(
        store,
        CHAOS,
        partition,
        provenance,
        lambda: chaos_run(asked).tables,
    )
    verdicts = store.read(TABLES["verdicts"], partition, ["result", "verdict", "judged"])
    facts = {
        "result": " ".join(verdicts["result"].cast(pl.String).unique().sort()) or "-",
        "verdict": " ".join(verdicts["verdict"].cast(pl.String).unique().sort()) or "-",
        "judged": (verdicts["judged"][0] if verdicts.height else "") or "-",
    }
    return _with_facts(outcomes, facts)


def report(store: Store, campaign: Campaign) -> list[Outcome]:
    """Put a campaign's tables into words: the table `report`.

    Raises:
        StoreError: A table that it reads is not there.
    """
    partition = Partition(campaign=campaign.id)
    upstream = _contents(store, campaign.id, _REPORTED)
    for strategy in campaign.strategies:
        place = Partition(campaign=campaign.id, strategy=strategy.id)
        upstream[f"backtests/{place.key}"] = _needed(store, TABLES["backtests"], place).content_hash
    provenance = Provenance(
        documents={f"campaigns/{campaign.id}": campaign.doc_hash},
        seed=campaign.document.seed,
        engine_version=engine.version(),
        upstream=upstream,
        settings={"code": code(REPORT[0])},
    )

    def write() -> Rows:
        tables = {name: store.read(TABLES[name], partition) for name in _REPORTED}
        tables["backtests"] = _runs(store, campaign)
        asked = campaign.document.model_dump(mode="json")
        asked["strategies"] = [strategy.id for strategy in campaign.strategies]
        return {"report": sections(asked, tables)}

    outcomes = _settled(store, REPORT, partition, provenance, write)
    return _with_facts(outcomes, {"page": page(store.read(TABLES["report"], partition))})


def _universes(campaign: Campaign) -> dict[str, str]:
    """Return the hash of every universe that a campaign runs, and of the documents behind them."""
    asked = campaign.document
    if asked.chaos == NO_CHAOS:
        return {}
    plan = level(asked.chaos, asked.days, asked.id)
    stack = stack_of(plan)
    documents = document_hashes(plan)
    for seed in run_seeds(asked.seed, plan.seeds):
        planned = injections(plan, seed)
        for arm in ARMS:
            made = universe(asked.id, seed, arm, asked.days, stack, planned)
            documents[f"universes/{seed}/{arm}"] = sha256_hex(jcs(made))
    return documents


def _settled(
    store: Store,
    tables: Sequence[Table],
    partition: Partition,
    provenance: Provenance,
    make: Callable[[], Rows],
) -> list[Outcome]:
    """Return the partition of every table, made anew where it was not current.

    All tables are made together or not at all; only those that were not current are written.
    """
    faults = {table.name: _fault(store, table, partition, provenance) for table in tables}
    rows = make() if any(fault is not None for fault in faults.values()) else {}
    outcomes = []
    for table in tables:
        fault = faults[table.name]
        if fault is None:
            footer = _needed(store, table, partition)
        else:
            footer = store.write(table, partition, rows[table.name], provenance)
        outcomes.append(Outcome(table, partition, footer, fault is None, fault or ""))
    return outcomes


def _fault(store: Store, table: Table, partition: Partition, provenance: Provenance) -> str | None:
    """Return None for a current partition, text for a broken file, empty text otherwise."""
    try:
        if store.footer(table, partition) is None:
            return ""
        if not store.is_current(table, partition, provenance):
            return ""
        store.verify(table, partition)
    except StoreError as error:
        return error.message
    return None


def _with_facts(outcomes: Sequence[Outcome], facts: Mapping[str, Any]) -> list[Outcome]:
    return [
        Outcome(each.table, each.partition, each.footer, each.is_reused, each.mended, facts)
        for each in outcomes
    ]


def _needed(store: Store, table: Table, partition: Partition) -> Footer:
    footer = store.footer(table, partition)
    if footer is None:
        raise StoreError(
            "ABSENT",
            f"{store.path(table, partition)}: there is no such file, expected the partition "
            f"{partition.key} of {table.name} [materialise it first]",
        )
    return footer


def _contents(store: Store, campaign_id: str, names: Sequence[str]) -> dict[str, str]:
    """Return the content hash of a campaign's partition of each table."""
    partition = Partition(campaign=campaign_id)
    return {
        f"{name}/{partition.key}": _needed(store, TABLES[name], partition).content_hash
        for name in names
    }


def _check_is_of(footer: Footer, strategy: Strategy) -> None:
    made_from = footer.documents.get(f"strategies/{strategy.id}")
    if made_from != strategy.ir_hash:
        raise StoreError(
            "OUTDATED",
            f"{footer.path}: got runs of the program {made_from}, expected {strategy.ir_hash} "
            "[materialise the backtests of this strategy first]",
            is_passing=True,
        )


def _manifests(store: Store, campaign: Campaign) -> list[dict[str, Any]]:
    rows = store.read(TABLES["scenarios"], Partition(campaign=campaign.id))
    return rows.to_dicts()


def _play_all(store: Store, campaign: Campaign) -> Rows:
    families = {row["scenario_id"]: row["family"] for row in _manifests(store, campaign)}
    entries = [
        {
            "strategy_id": each.id,
            "name": each.name,
            "version": each.version,
            "ir_hash": each.ir_hash,
        }
        for each in campaign.strategies
    ]
    runs = _runs(store, campaign)
    played: list[Played] = []
    if campaign.strategies:
        played = [play(each, entries, runs, families) for each in campaign.tournaments]
    return {
        "games": pl.concat([TABLES["games"].empty(), *(each.games for each in played)]),
        "standings": pl.concat([TABLES["standings"].empty(), *(each.standings for each in played)]),
    }


def _runs(store: Store, campaign: Campaign) -> pl.DataFrame:
    """Return the runs of the campaign's strategies, of no other that lies in the lake."""
    table = TABLES["backtests"]
    return pl.concat(
        [
            table.empty(),
            *(
                store.read(table, Partition(campaign=campaign.id, strategy=each.id))
                for each in campaign.strategies
            ),
        ]
    )
