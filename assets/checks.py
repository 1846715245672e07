"""The checks of every asset, made from its row in `simcore.tables`.

A check reads the file that was written, never the rows that were meant to be. Few tables have
checks beyond those of all; they stand in `OWN_CHECKS`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import dagster as dg
import polars as pl

from assets.partitions import partitions_of
from assets.versions import above
from simcore import samples, steps
from simcore.errors import EngineError, SpecError, StoreError
from simcore.scenario.acceptance import accept_document
from simcore.store import Partition, Store
from simcore.strategy.strategy import compile_strategy
from simcore.tables import TABLES
from simcore.tables.content import content_hash
from simcore.tables.table import Table, Violation

CHECKS: Final = {
    "schema": "Columns, their order and their types are those of the data dictionary.",
    "key": "Every key occurs once, and rows lie in its order.",
    "nulls": "Nothing is missing where a value is required.",
    "ranges": "Every value is finite, within its limits, and one of its names if it has names.",
    "row_count": "There are as many rows as the footer and the tables above this one promise.",
    "references": "Every row that is pointed at exists, in the tables that are there.",
    "content_hash": "The rows on disk hash to what the footer says.",
}

DOCUMENT: Final = "document"
"""The check of a partition that says why its document is refused."""

DOCUMENTS: Final = "documents"
"""The check of an asset that fails while any document behind it is in quarantine."""

_RECOMPUTED: Final = "A sample of the rows, computed once more now, is the same to the last bit."
_NEARLY: Final = "A sample of the rows, computed once more now, is the same but for rounding."
_CHAIN: Final = "Every record is chained to the one before it, up to the anchor of its day."
_TOLD: Final = "Every row is what the documents tell, read and measured once more."
_BRED: Final = "A sample of the population, trained once more now, scores the same."

# Judgements rest on sums whose last bits are the machine's.
_JUDGED: Final = (
    *steps.EVIDENCE, *steps.PORTFOLIOS, *steps.CALIBRATION, *steps.TOURNAMENTS,
)  # fmt: skip
_COMPUTED: Final = (
    *steps.MARKETS, *steps.STRATEGIES, *steps.BACKTESTS, *steps.MONTE_CARLO, *steps.VALIDITY,
    *steps.HISTORY, *steps.CHAOS, *steps.REPORT,
)  # fmt: skip

# What only one table is checked for.
_OF_ONE: Final = {
    "scenarios": {
        "acceptance": "A large sample of each market obeys every law that its family promises.",
        DOCUMENT: "The campaign's document and all that it names have a meaning.",
    },
    "bars": {"manifest": "The bars of every scenario hash to what its manifest says."},
    "strategies": {
        DOCUMENT: "The document has a meaning, and it is the one that the hash beside it names.",
    },
    "trades": {"ledger": "Net profit is gross profit less fees and slippage, trade by trade."},
    "equity": {"ledger": "Equity is cash and the position at the close, row by row."},
    "populations": {"recomputed": _BRED},
    "generations": {
        DOCUMENT: "The evolution's document has a meaning.",
        "ledger": "Counts, scores and champion are those of the population.",
    },
    "imported_runs": {
        "recomputed": "Every metric follows from the returns that lie beside it, those lead to the "
        "equity, and every row is what the documents tell.",
    },
    "imported_equity": {"recomputed": _TOLD},
    "imported_trades": {"recomputed": _TOLD},
    "chaos_events": {"chain": _CHAIN},
    "chaos_xlog": {
        "chain": _CHAIN,
        "ledger": "Cash and position follow from those before them and the trade, row by row.",
    },
    "chaos_fills": {"ledger": "Every fill is a trade of the exchange, and every trade a fill."},
    "chaos_orders": {"ledger": "What was filled of an order is the sum of its fills, not more."},
    "chaos_positions": {"ledger": "The exchange's position is the sum of its trades by then."},
    "chaos_equity": {"ledger": "Equity is cash and positions; peak, fall and twin follow."},
}
# Nobody is asked twice about a sealed set: `generations`, `holdouts` and `promotions` have no
# sample that could be computed again.
OWN_CHECKS: Final = {
    name: {
        **_OF_ONE.get(name, {}),
        **({"recomputed": _RECOMPUTED} if table in _COMPUTED else {}),
        **({"recomputed": _NEARLY} if table in _JUDGED else {}),
    }
    for name, table in TABLES.items()
}

COSTLY: Final = frozenset({"acceptance", "recomputed", "chain", "manifest"})
"""Checks that compute; they are not asked again of rows on record as having passed them."""

# The checks that `Table.violations` speaks of, by the check that reports them.
_REPORTED_BY: Final = {"range": "ranges", "enum": "ranges", "finite": "ranges"}


@dataclass(frozen=True)
class Finding:
    """What one check found in one partition.

    Args:
        check: Name of the check.
        has_passed: Whether it holds.
        count: How many rows break it.
        message: What was found and what was expected; empty if it holds.
    """

    check: str
    has_passed: bool
    count: int = 0
    message: str = ""


OwnChecks = Mapping[tuple[str, str], Callable[[], Finding]]
"""What finds out, by table and name, each check that needs more than the rows."""


def sentences(table: Table) -> dict[str, str]:
    """Return every check of a table, with what holds if it passes."""
    return {**CHECKS, **OWN_CHECKS.get(table.name, {})}


def specs(table: Table) -> list[dg.AssetCheckSpec]:
    """Return the checks of a table's asset; each stops what is downstream in the same run."""
    return [
        dg.AssetCheckSpec(
            name,
            asset=table.name,
            description=sentence,
            blocking=True,
            partitions_def=partitions_of(table),
        )
        for name, sentence in sentences(table).items()
    ]


def findings(store: Store, table: Table, partition: Partition) -> list[Finding]:
    """Check one partition as it lies on disk.

    Args:
        store: The lake.
        table: What the rows are.
        partition: Where they lie.

    Returns:
        One finding a check that needs nothing but the rows. A file that cannot be read fails them
        all, with the file's name.
    """
    of_rows = [*CHECKS, *([DOCUMENT] if table.name == "strategies" else [])]
    try:
        rows = store.read(table, partition)
        footer = store.footer(table, partition)
    except StoreError as error:
        return [Finding(check, False, message=error.message) for check in of_rows]
    if footer is None:
        return [Finding(check, False, message="the file is gone") for check in of_rows]
    broken: dict[str, list[Violation]] = {check: [] for check in CHECKS}
    for violation in table.violations(rows):
        broken[_REPORTED_BY.get(violation.check, violation.check)].append(violation)
    found = [
        _from_violations(check, broken[check]) for check in ("schema", "key", "nulls", "ranges")
    ]
    found.append(_row_count(store, table, partition, rows, footer.rows))
    found.append(_references(store, table, partition, rows))
    hashed = content_hash(table, rows)
    is_same = hashed == footer.content_hash
    message = "" if is_same else f"got {hashed}, expected {footer.content_hash}"
    found.append(Finding("content_hash", is_same, message=message))
    if DOCUMENT in of_rows:
        found.append(_document(rows))
    return found


def _document(rows: pl.DataFrame) -> Finding:
    """Compile what the rows hold as their documents, and compare what each of them does."""
    wrong = []
    for document, ir_hash in rows.select("document", "ir_hash").iter_rows():
        try:
            compiled = compile_strategy(document)
        except SpecError as error:
            wrong.append(error.message)
            continue
        if compiled.ir_hash != ir_hash:
            wrong.append(f"{compiled.id}: got {compiled.ir_hash}, expected {ir_hash}")
    return Finding(DOCUMENT, not wrong, len(wrong), "\n".join(wrong))


def acceptance(
    store: Store, partition: Partition, sources: Mapping[str, Mapping[str, Any]]
) -> Finding:
    """Check that every market of a campaign is the one that its document names.

    What is judged is the document that stands in the written row, on a sample of its own: too few
    bars lie in the lake to tell. The law that fails stands in the message.

    Args:
        store: The lake.
        partition: Where the campaign's scenarios lie.
        sources: Columns of the source, by the id of each scenario that works on one.
    """
    failed = []
    try:
        rows = store.read(TABLES["scenarios"], partition, columns=["scenario_id", "document"])
        for name, document in rows.iter_rows():
            results = accept_document(json.loads(document), sources.get(name))
            broken = [each.sentence for each in results if each.passes is False]
            failed += [f"{name}: {sentence}" for sentence in broken]
    except (StoreError, EngineError) as error:
        return Finding("acceptance", False, message=error.message)
    return Finding("acceptance", not failed, len(failed), "; ".join(failed))


def judged(name: str, find: Callable[[], Sequence[str]]) -> Callable[[], Finding]:
    """Return a check out of what finds its faults, a line each.

    Args:
        name: Of the check.
        find: Finds the faults; an error of the lake or the engine is one too.
    """

    def found() -> Finding:
        try:
            faults = list(find())
        except (StoreError, EngineError, SpecError) as error:
            faults = [error.message]
        return Finding(name, not faults, len(faults), "\n".join(faults))

    return found


def recomputed(
    store: Store, place: Partition, tables: Iterable[Table], again: Callable[[], samples.Again]
) -> OwnChecks:
    """Return the checks that hold some tables of a partition against a sample made once more.

    Args:
        store: The lake.
        place: Where they lie.
        tables: Made by one step.
        again: Computes the sample; called once if it is asked for at all.
    """

    def differing(table: Table) -> list[str]:
        return samples.differing(store, table, place, again())

    return {
        (table.name, "recomputed"): judged("recomputed", partial(differing, table))
        for table in tables
    }


def _from_violations(check: str, violations: Sequence[Violation]) -> Finding:
    message = "; ".join(f"{each.column}: {each.example}" for each in violations)
    return Finding(check, not violations, sum(each.count for each in violations), message)


def _references(store: Store, table: Table, partition: Partition, rows: pl.DataFrame) -> Finding:
    lost = []
    for columns, other_name, other_columns in table.references:
        other = TABLES[other_name]
        place = above(other, partition)
        if place is None:
            continue
        try:
            known = store.read(other, place, columns=list(other_columns))
        except StoreError as error:
            if error.code == "ABSENT":  # Not materialised yet: nothing to compare with.
                continue
            return Finding("references", False, message=error.message)
        orphans = rows.join(known, left_on=list(columns), right_on=list(other_columns), how="anti")
        if orphans.height:
            example = orphans.select(columns).row(0)
            message = f"{other_name} has no {example}"
            lost.append(Violation("references", ",".join(columns), orphans.height, message))
    return _from_violations("references", lost)


def _promised_rows(store: Store, table: Table, partition: Partition) -> int | None:
    """Return the rows that another table of the partition says there are, if one does."""
    sources = {
        "bars": ("scenarios", ("bars", "paths", "assets")),
        "equity": ("backtests", ("equity_rows",)),
        "trades": ("backtests", ("n_trades",)),
        "imported_equity": ("imported_runs", ("bars",)),
        "imported_trades": ("imported_runs", ("n_trades",)),
    }
    if table.name not in sources:
        return None
    name, factors = sources[table.name]
    other = TABLES[name]
    place = above(other, partition)
    if place is None:
        return None
    counts = store.read(other, place, columns=list(factors)).cast(pl.Int64).fill_null(0)
    return int(sum(_product(row) for row in counts.iter_rows()))


def _product(values: Iterable[int]) -> int:
    result = 1
    for value in values:
        result *= value
    return result


def _row_count(
    store: Store, table: Table, partition: Partition, rows: pl.DataFrame, footer_rows: int
) -> Finding:
    try:
        promised = _promised_rows(store, table, partition)
    except StoreError as error:
        return Finding("row_count", False, message=error.message)
    expected = footer_rows if promised is None else promised
    if rows.height == footer_rows == expected:
        return Finding("row_count", True)
    message = f"got {rows.height} rows, expected {expected}"
    return Finding("row_count", False, abs(rows.height - expected), message)
