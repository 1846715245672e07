"""The first rows of a partition, as a small table that stands on its page without a click.

What is whole, and in its own units, is in the file; here a number has four digits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import dagster as dg

from simcore.errors import ProvingError
from simcore.store import Partition, Store
from simcore.tables.table import Table

ROWS_MAX: Final = 5
COLUMNS_MAX: Final = 5
LETTERS_MAX: Final = 32
_HASH: Final = re.compile(r"[0-9a-f]{32,}")
_HASH_LETTERS: Final = 8

# Where the first columns of a table are not those that one looks for.
_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "scenarios": ("scenario_id", "family", "paths", "bars", "sharpe_max_annual"),
    "bars": ("scenario_id", "t", "open", "close", "volume"),
    "stylised_facts": ("scenario_id", "fact", "estimate", "expected", "as_expected"),
    "strategies": ("strategy_id", "revision", "lookback_bars", "ir_hash"),
    "backtests": ("scenario_id", "sharpe", "max_drawdown", "n_trades"),
    "trades": ("scenario_id", "side", "exit_reason", "net_pnl"),
    "monte_carlo": ("scenario_id", "metric", "p5", "p95"),
    "walk_forward": ("scenario_id", "fold", "segment", "sharpe"),
    "trials": ("lineage", "ir_hash", "bars", "sharpe_bar"),
    "regimes": ("axis", "regime", "n_paths", "score_mean"),
    "evidence": ("section", "name", "estimate", "unit"),
    "portfolio_weights": ("method", "strategy_id", "weight", "risk_share"),
    "calibration": ("design", "rate", "rate_lo", "rate_hi", "verdict"),
    "games": ("entry_a", "entry_b", "scenario_id", "result"),
    "standings": ("rank", "strategy_id", "score_mean", "score_ci_lo", "score_ci_hi"),
    "strategy_history": ("rank", "name", "version", "elo_bt", "score_mean"),
    "generations": ("number", "train_best", "selected_sealed", "generalisation_gap", "stop"),
    "populations": ("strategy_id", "origin", "score_mean", "fate"),
    "promotions": ("gate", "verdict", "value", "threshold"),
    "verdicts": ("result", "verdict", "n_years", "failures"),
    "report": ("ordinal", "title"),
    "imported_runs": ("run_id", "strategy_name", "instrument", "sharpe", "max_drawdown"),
    "lineage": ("name", "revision", "operator", "parent", "generation"),
    "equity": ("scenario_id", "t", "equity_quote", "position_base"),
    "daily_rollups": ("date", "simulations_run", "total_trades", "median_roi", "best_entry"),
    "imported_equity": ("run_id", "t", "return_fraction", "equity_quote"),
    "chaos_equity": ("arm", "level", "ts", "equity_uusd", "equity_twin_uusd"),
    "chaos_report": ("arm", "result", "n_injected", "n_effective", "mttr_s_max"),
    "chaos_oracle_results": ("arm", "oracle", "antecedents", "violations", "verdict"),
    "chaos_injections": ("arm", "kind", "intensity", "effective", "result"),
}
_FIRST: Final = ("rank",)
"""Columns that rows are shown in the order of, where a table has them."""
_SAME: Final = ("run_id", "seed")
"""Columns that say little of a row of chaos: all first rows have the same."""


def glance(store: Store, table: Table, place: Partition) -> dg.TableMetadataValue | None:
    """Return the first rows of a partition; None where it has none, or cannot be read.

    Args:
        store: The lake.
        table: What the rows are.
        place: Where they lie.
    """
    names = columns(table)
    try:
        rows = store.read(table, place, list(names))
    except ProvingError:
        return None  # The checks of the file say so, each for itself.
    by = [name for name in _FIRST if name in names]
    shown = (rows.sort(by, maintain_order=True) if by else rows).head(ROWS_MAX)
    if shown.is_empty():
        return None
    units = {each.name: each.unit for each in table.columns}
    return dg.MetadataValue.table(
        records=[
            dg.TableRecord({name: _told(value) for name, value in row.items()})
            for row in shown.iter_rows(named=True)
        ],
        schema=dg.TableSchema(
            [dg.TableColumn(name, "string", description=units[name]) for name in names]
        ),
    )


def columns(table: Table) -> tuple[str, ...]:
    """Return the names of the columns that are shown of a table."""
    telling = [each.name for each in table.columns if each.name not in _SAME]
    return _COLUMNS.get(table.name, tuple(telling[:COLUMNS_MAX]))


def _told(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, bytes):
        return f"{value.hex()[:_HASH_LETTERS]}…"
    text = str(value)
    if _HASH.fullmatch(text):
        return f"{text[:_HASH_LETTERS]}…"
    return text if len(text) <= LETTERS_MAX else f"{text[: LETTERS_MAX - 1]}…"
