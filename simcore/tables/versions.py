"""How tables came to be what they are: every version of their columns, and rows of one read as now.

A partition says in its footer which version it follows. The columns of an older version are those
of today with its changes undone, so an older shape is written down nowhere else. What older rows
do not say stays null, even where rows written today may not be: nothing is made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from simcore.errors import TableError
from simcore.tables.table import Column, Table

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Same:
    """Says that a column is in older rows what another column of theirs is.

    Args:
        name: Name of that column.
    """

    name: str


Fill = Same | str | bool | None
"""What a column is in rows that were written before it was there: None where they do not tell."""


@dataclass(frozen=True)
class Change:
    """What one version of a table did to the one before it.

    Args:
        said: One sentence for the data dictionary.
        added: Columns that the version before lacks, each with what it is in older rows.
        renamed: Columns that had another name before: the new name, and the old one.
    """

    said: str
    added: Mapping[str, Fill] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)


def _unknown(names: str) -> dict[str, Fill]:
    return dict.fromkeys(names.split())


# The metrics that came when the catalogue of them was whole.
_CATALOGUE: Final = (
    "cagr log_growth stability ann_vol downside_dev skew kurt sharpe_day sharpe_lo "
    "sortino_v0 omega gain_to_pain tail_ratio alpha beta info_ratio up_capture "
    "down_capture psr psr_h0 min_trl p5_day p5_bar es_1 es_5 es_1_bar es_5_bar "
    "var_gauss es_gauss worst_bar worst_day best_day hill_5 breakeven_cost_bps "
    "time_to_recovery longest_underwater avg_drawdown ulcer ulcer_qs pain cdar_95 "
    "recovery_factor payoff expectancy expectancy_r sqn avg_hold max_consec_losses "
    "win_rate_bar profit_factor_bar payoff_bar exposure_time exposure_gross "
    "max_leverage cost_drag ambiguity_gap"
)

# The changes of a table, the first of which made version 2; a table that never changed has none.
CHANGES: Final[Mapping[str, tuple[Change, ...]]] = {
    "scenarios": (
        Change("Bars in a year are called A, as in the formulas.", renamed={"A": "bars_per_year"}),
        Change("Says what is odd about a source.", added=_unknown("quality")),
        Change(
            "Counts jumps, and says the most that can be earned.",
            added=_unknown("jump_events sharpe_max_bar sharpe_max_annual"),
        ),
    ),
    "backtests": (
        Change(
            "Every metric of the catalogue.",
            added=_unknown(_CATALOGUE),
        ),
        Change(
            "Says what ratios are annualised by, and scores the phases of a run.",
            added=_unknown("bars_per_year phase_sharpe"),
        ),
        Change("Curves may be thinned; before, every close was kept.",
               added={"equity_rows": Same("bars")}),
    ),
    "walk_forward": (
        Change("Every metric of the catalogue.", added=_unknown(_CATALOGUE)),
    ),
    "games": (Change("Rounds may have a stage; before, none had.", added={"stage": ""}),),
    "standings": (
        Change(
            "Every column of evidence.",
            added=_unknown(
                "place champion roi_ann es_1_mean cost_drag ambiguity_gap elo_seq elo_seq_mean "
                "elo_seq_sd openskill_mu openskill_sigma glicko_r glicko_rd p_beats_champion "
                "p_beats_buy_hold in_mcs psr dsr k_trials pbo worst_family worst_family_score "
                "stress_score oracle_efficiency composite_v0 total_roi_v0"
            ),
        ),
        Change("Says which score ranks.", added=_unknown("score")),
    ),
    "generations": (
        Change(
            "Mean scores of those judged, and the gap between them, have intervals.",
            added=_unknown(
                "selected_train_lo selected_train_hi selected_sealed_lo selected_sealed_hi "
                "generalisation_gap_lo generalisation_gap_hi"
            ),
        ),
    ),
    "chaos_orders": (
        Change(
            "Orders name their parent and the exposure they were let go with.",
            added={"parent_id": Same("intent_id"), "wc_exposure_uusd": None},
        ),
    ),
    "chaos_positions": (
        Change(
            "Positions have a scope, a cost and a worst case.",
            added={"scope": "instrument", "avg_tk": None, "worst_case_uusd": None},
        ),
    ),
    "chaos_injections": (
        Change("Injections may be shams; before, none was.", added={"sham": False}),
    ),
    "report": (
        Change("A section is also HTML, and has a title.",
               added={"title": Same("section"), "html": ""}),
    ),
}  # fmt: skip


def changes(table: Table) -> tuple[Change, ...]:
    """Return what was changed since version 1, the oldest change first."""
    return CHANGES.get(table.name, ())[: table.schema_version - 1]


def since(table: Table, column: str) -> int:
    """Return the version in which a column came, under whatever name."""
    for number, change in enumerate(changes(table), 2):
        if column in change.added:
            return number
    return 1


def at(table: Table, version: int) -> Table:
    """Return a table as it was in one version of its columns.

    Args:
        table: As it is now.
        version: From 1 to the version of now.

    Raises:
        TableError: NEWER_SCHEMA: no such version is known here; UNKNOWN_SCHEMA: none ever was.
    """
    if version > table.schema_version:
        raise TableError(
            "NEWER_SCHEMA",
            f"{table.name}: got schema version {version}, expected at most {table.schema_version} "
            "[a newer Proving Ground wrote it: install that one, or open the file with Polars, "
            "DuckDB or pandas]",
        )
    if version < 1:
        raise TableError(
            "UNKNOWN_SCHEMA",
            f"{table.name}: got schema version {version}, expected 1 to {table.schema_version} "
            "[materialise the partition again]",
        )
    columns = table.columns
    key = table.key
    for change in reversed(changes(table)[version - 1 :]):
        columns = tuple(
            replace(each, name=change.renamed.get(each.name, each.name))
            for each in columns
            if each.name not in change.added
        )
        key = tuple(change.renamed.get(name, name) for name in key)
    return replace(table, columns=columns, key=key, schema_version=version)


def upgraded(table: Table, rows: pl.DataFrame | pl.LazyFrame, version: int) -> pl.LazyFrame:
    """Return rows of an older version in the columns and types of now.

    Args:
        table: As it is now.
        rows: All columns of that version; others, such as those of a path, stay behind them.
        version: Which one.

    Raises:
        TableError: As `at`.
    """
    import polars as pl

    older = at(table, version)
    frame = rows.lazy()
    extra = [name for name in frame.collect_schema().names() if name not in
             {column.name for column in older.columns}]  # fmt: skip
    for change in changes(table)[version - 1 :]:
        frame = frame.rename({old: new for new, old in change.renamed.items()}).with_columns(
            _filled(table.column(name), fill) for name, fill in change.added.items()
        )
    return frame.select(
        *(pl.col(column.name).cast(column.polars_type()) for column in table.columns), *extra
    )


def _filled(column: Column, fill: Fill) -> pl.Expr:
    import polars as pl

    value = pl.col(fill.name) if isinstance(fill, Same) else pl.lit(fill)
    return value.cast(column.polars_type()).alias(column.name)
