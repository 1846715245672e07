"""A file that is whole, names the inputs of today, and lies: a sample made again tells.

The lie is resealed: its rows hash to what the footer says, and the footer says what it said.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from assets.checks import OWN_CHECKS
from simcore import parquet, samples, steps
from simcore.campaign import load
from simcore.chaos.kinds import Kind
from simcore.documents import LIBRARY
from simcore.evolution.document import Evolution, read_evolution
from simcore.store import Partition, Store
from simcore.strategy import lineage
from simcore.tables import TABLES
from simcore.tables.content import content_hash
from simcore.tables.table import Column, Table

CAMPAIGN, SHAKEN, STRATEGY = "c0-tiny", "c1-light", "ma_cross"
OF_RUNS = (*steps.BACKTESTS, *steps.MONTE_CARLO)


def place_of(table: Table) -> Partition:
    known = {"campaign": SHAKEN if table in steps.CHAOS else CAMPAIGN, "strategy": STRATEGY}
    return Partition(**{name: known[name] for name in table.partitioned_by})


def reseal(store: Store, table: Table, rows: pl.DataFrame, place: Partition | None = None) -> None:
    """Put other rows in place, with the footer of before and a hash and a seal that fit."""
    path = store.path(table, place or place_of(table))
    metadata = {
        name.decode().removeprefix("proving."): value.decode()
        for name, value in pq.read_metadata(path).metadata.items()
        if name.startswith(b"proving.") and name != b"proving.seal"
    }
    with path.open("wb") as handle:
        parquet.write(table, rows, metadata | {"content_hash": content_hash(table, rows)}, handle)


def changed(column: Column) -> pl.Expr:
    """Return another value of a column wherever it has one."""
    if column.values:
        first, second = column.values[:2]
        is_first = pl.col(column.name).cast(pl.String) == first
        return pl.when(is_first).then(pl.lit(second)).otherwise(pl.lit(first))
    if column.dtype == "bool":
        return ~pl.col(column.name)
    if column.dtype == "str":
        return pl.col(column.name) + "!"
    return pl.col(column.name) + 1


def lie(table: Table, rows: pl.DataFrame) -> tuple[str, pl.DataFrame]:
    """Return the rows with one column changed, one that says nothing of which rows they are."""
    for column in table.columns:
        is_free = column.name not in (*table.key, "seed") and not column.volatile
        if is_free and column.dtype != "bytes16" and rows[column.name].null_count() < rows.height:
            other = rows.with_columns(changed(column).alias(column.name))
            return column.name, table.sort(table.conform(other))
    raise AssertionError(f"{table.name} has no column to change")


@pytest.fixture(scope="module")
def lake(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A lake of the module's own, in which every test puts back what it changed."""
    path = tmp_path_factory.mktemp("samples") / "home"
    shutil.copytree(finished, path)
    store = Store(path / "lake")
    steps.chaos(store, load(SHAKEN, home=path))
    return store


@pytest.fixture(scope="module")
def again(lake: Store) -> Callable[[Table], samples.Again]:
    """Compute the sample of a table once more; that of a step is computed once."""
    campaign, shaken = (load(name, home=lake.root.parent) for name in (CAMPAIGN, SHAKEN))
    (strategy,) = (each for each in campaign.strategies if each.id == STRATEGY)
    ways: dict[tuple[Table, ...], Callable[[], samples.Again]] = {
        steps.MARKETS: lambda: samples.resampled_markets(lake, campaign),
        steps.STRATEGIES: lambda: samples.compiled_again(
            lake, strategy, lineage.read(strategy, home=lake.root.parent)
        ),
        OF_RUNS: lambda: samples.rerun(lake, campaign, strategy),
        steps.VALIDITY: lambda: samples.walked_again(lake, campaign, strategy),
        steps.EVIDENCE: lambda: samples.appraised_again(lake, campaign, strategy),
    }

    @cache
    def made(tables: tuple[Table, ...]) -> samples.Again:
        if tables in ways:
            return ways[tables]()
        return samples.remade(lake, tables, shaken if tables == steps.CHAOS else campaign)

    steps_of = [*ways, *samples.REMADE]
    return lambda table: made(next(tables for tables in steps_of if table in tables))


@contextmanager
def preserved(path: Path) -> Iterator[None]:
    """Put back a file that is changed within."""
    content = path.read_bytes()
    yield
    path.write_bytes(content)


@pytest.fixture
def put_back(lake: Store, request: pytest.FixtureRequest) -> Iterator[None]:
    """Put back the file of the table that a test is about."""
    table = TABLES[request.getfixturevalue("name")]
    with preserved(lake.path(table, place_of(table))):
        yield


SAMPLED = [
    name
    for name, own in OWN_CHECKS.items()
    if "recomputed" in own and name != "populations" and TABLES[name] not in steps.IMPORTS
]


def test_every_table_has_a_sample_but_those_that_would_open_a_sealed_set() -> None:
    imported = {table.name for table in steps.IMPORTS}
    assert set(TABLES) - set(SAMPLED) - imported - {"populations"} == {
        "generations",
        "holdouts",
        "promotions",
    }


@pytest.mark.parametrize("name", SAMPLED)
@pytest.mark.usefixtures("put_back")
def test_a_changed_value_is_found_by_making_a_sample_again(
    lake: Store, again: Callable[[Table], samples.Again], name: str
) -> None:
    table = TABLES[name]
    place = place_of(table)
    made = again(table)
    assert name in made.rows
    assert samples.differing(lake, table, place, made) == []
    honest = lake.read(table, place)
    if honest.is_empty():
        assert made.rows[name].is_empty()
        return
    column, rows = lie(table, honest)
    reseal(lake, table, rows)
    assert lake.verify(table, place).content_hash != content_hash(table, honest)
    (wrong,) = samples.differing(lake, table, place, made)
    assert f"{column}: got " in wrong
    assert wrong.endswith("as computed now")


LEDGERS = [
    ("chaos_xlog", "cash_uusd"),
    ("chaos_xlog", "pos_lot"),
    ("chaos_xlog", "fee_uusd"),
    ("chaos_fills", "fee_uusd"),
    ("chaos_fills", "px_tk"),
    ("chaos_orders", "filled_truth_lot"),
    ("chaos_positions", "truth_lot"),
    ("chaos_equity", "cash_uusd"),
    ("chaos_equity", "equity_uusd"),
    ("chaos_equity", "peak_uusd"),
    ("chaos_equity", "dd_ppm"),
    ("chaos_equity", "equity_twin_uusd"),
]


@pytest.mark.parametrize(("name", "column"), LEDGERS, ids=lambda each: str(each))
@pytest.mark.usefixtures("put_back")
def test_money_that_nobody_paid_breaks_the_ledger_of_the_paper_stack(
    lake: Store, name: str, column: str
) -> None:
    table = TABLES[name]
    find = samples.CHAOS_LEDGERS[name]
    assert find(lake, place_of(table)) == []
    rows = lake.read(table, place_of(table))
    is_trade = pl.col("kind") == int(Kind.X_TRADE) if name == "chaos_xlog" else pl.lit(True)
    one = rows.with_row_index("at").filter(is_trade)["at"][1]
    more = pl.when(pl.int_range(pl.len()) == one).then(1).otherwise(0)
    other = rows.with_columns((pl.col(column) + more).alias(column))
    reseal(lake, table, table.conform(other))
    wrong = find(lake, place_of(table))
    assert wrong
    assert " rows" in wrong[0]


@pytest.mark.parametrize("name", ["chaos_fills"])
@pytest.mark.usefixtures("put_back")
def test_a_fill_that_is_left_out_breaks_the_ledgers_that_count_it(lake: Store, name: str) -> None:
    table = TABLES[name]
    reseal(lake, table, lake.read(table, place_of(table)).head(-1))
    for each in ("chaos_fills", "chaos_orders"):
        (wrong,) = samples.CHAOS_LEDGERS[each](lake, place_of(table))
        assert wrong.endswith("1 rows")


@pytest.fixture(scope="module")
def bred(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Evolution]:
    """The first generation of a small evolution."""
    text = (LIBRARY / "evolutions" / "e0-tiny.toml").read_text()
    for old, new in (("copies = 10", "copies = 6"), ("offspring = 16", "offspring = 4")):
        text = text.replace(old, new)
    store, evolution = Store(tmp_path_factory.mktemp("bred")), read_evolution(text)
    steps.evolved(store, evolution, 0, None)
    return store, evolution


@pytest.mark.parametrize("column", ["score_mean", "score_lower", "n_trades"])
def test_a_member_that_never_trained_so_well_is_found_by_training_it_again(
    bred: tuple[Store, Evolution], column: str
) -> None:
    store, evolution = bred
    table, place = TABLES["populations"], Partition(evolution="e0-tiny", generation="g000")
    again = samples.bred_again(store, evolution, 0)
    assert samples.differing(store, table, place, again) == []
    rows = store.read(table, place)
    with preserved(store.path(table, place)):
        reseal(store, table, rows.with_columns(pl.col(column) + 1), place)
        (wrong,) = samples.differing(store, table, place, again)
        assert f"{column}: got " in wrong


@pytest.mark.parametrize(
    ("column", "other"), [("survivors", 1), ("train_best", 99.0), ("champion_before", "nobody")]
)
def test_a_generation_that_is_not_its_population_breaks_its_ledger(
    bred: tuple[Store, Evolution], column: str, other: object
) -> None:
    store, _ = bred
    table, place = TABLES["generations"], Partition(evolution="e0-tiny", generation="g000")
    assert samples.broken_generation(store, place) == []
    rows = store.read(table, place)
    with preserved(store.path(table, place)):
        reseal(store, table, table.conform(rows.with_columns(pl.lit(other).alias(column))), place)
        (wrong,) = samples.broken_generation(store, place)
        assert wrong.startswith(f"{column}: got {other}, expected ")
