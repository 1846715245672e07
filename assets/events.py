"""What Dagster is told of a step's outcomes: materialisations, data versions, metadata, checks.

Nothing is computed here, and nothing is written but events.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import dagster as dg

from assets import checks, evaluations, versions
from assets.glances import glance
from assets.partitions import partitions_of
from simcore import engine
from simcore.errors import ProvingError, StoreError
from simcore.sources import digest
from simcore.steps import BY_TABLE, Outcome
from simcore.store import Store
from simcore.tables import TABLES
from simcore.tables.table import Column, Table

OWNERS: Final = ["team:proving-ground"]
POOL: Final = "engine"

RETRIES: Final = 2
"""How often a step is tried again after an error that may pass."""

Picture = str
"""An image as a data URI."""

Clock = Callable[[], float]
"""Seconds since some moment; read by `pipelines` alone, and shown, never stored in a file."""

Events = Iterator[dg.MaterializeResult | dg.AssetCheckEvaluation]
"""What the function of a campaign's assets yields."""

Dep = str | dg.AssetDep
"""What an asset reads: a table's name, or with it which of its partitions."""

NO_CHECKS: Final[checks.OwnChecks] = {}

# What goes by itself: another process is done, a network is back, a signal was handled.
_PASSING: Final = frozenset(
    {
        errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.EMFILE, errno.ENFILE, errno.ESTALE,
        errno.ETIMEDOUT,
    }
)  # fmt: skip
# The page has a sign for numbers and for texts, and finds it by these names.
_ARROW_TYPES: Final = {
    "u8": "uint8", "u16": "uint16", "u32": "uint32", "u64": "uint64", "i8": "int8",
    "i32": "int32", "i64": "int64", "f64": "double", "bool": "bool", "str": "string",
    "enum": "string", "bytes16": "binary(16)", "bytes32": "binary(32)",
}  # fmt: skip
_LINES: Final = 20
"""At most so many lines of progress a run; every line is an event."""


def _code_version(table: Table) -> str:
    """What computes a table's rows: the engine, the columns it has, and the Python of its step."""
    code = BY_TABLE[table.name].code[:12]
    return f"{engine.version()}/{table.schema_version}/{code}"


def asset_specs(
    tables: Sequence[Table], *, deps: Sequence[Dep], group: str, kinds: set[str]
) -> list[dg.AssetSpec]:
    """Return the specification of each table's asset.

    Args:
        tables: Tables that one function writes.
        deps: The tables that it reads.
        group: Group of the assets in the graph.
        kinds: What computes them; Parquet is added.
    """
    return [
        dg.AssetSpec(
            table.name,
            deps=list(deps),
            description=_description(table),
            group_name=group,
            owners=OWNERS,
            kinds={*kinds, "parquet"},
            code_version=_code_version(table),
            partitions_def=partitions_of(table),
            tags={
                "proving/stage": group,
                "proving/schema_version": str(table.schema_version),
                "proving/partitioned_by": "-".join(table.partitioned_by),
            },
            metadata={
                "dagster/column_schema": column_schema(table),
                "dagster/column_lineage": column_lineage(table, deps),
            },
        )
        for table in tables
    ]


def _description(table: Table) -> str:
    """Return what a table is, as Markdown; lists of assets show the first line of it."""
    key = ", ".join(f"`{name}`" for name in table.key)
    partition = " × ".join(table.partitioned_by)
    return (
        f"{table.meaning}\n\nKey of a row: {key}. One partition for each {partition}. Read it with "
        f'`simcore.scan("{table.name}")`, or as the view `{table.name}` of `views.sql`.'
    )


def check_specs(tables: Sequence[Table]) -> list[dg.AssetCheckSpec]:
    """Return the checks of the tables, table by table."""
    return [spec for table in tables for spec in checks.specs(table)]


def column_schema(table: Table) -> dg.TableSchema:
    """Return the table's columns as Dagster shows them: types by the names that Arrow has."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                type=_ARROW_TYPES[column.dtype],
                description=_meaning(column),
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable, unique=table.key == (column.name,)
                ),
            )
            for column in table.columns
        ]
    )


def _meaning(column: Column) -> str:
    unit = "" if column.unit == "-" else f" [{column.unit}]"
    words = "" if column.values is None else f" One of: {', '.join(column.values)}."
    return f"{column.meaning}{words}{unit}"


def column_lineage(table: Table, deps: Sequence[Dep]) -> dg.TableColumnLineage:
    """Return the columns that stand for rows of tables above, each with the column it names."""
    above = {each if isinstance(each, str) else each.asset_key.to_user_string() for each in deps}
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(dg.AssetKey(other), other_column)]
            for columns, other, other_columns in table.references
            if other in above
            for column, other_column in zip(columns, other_columns, strict=True)
        }
    )


def results(
    context: dg.AssetExecutionContext,
    store: Store,
    clock: Clock,
    compute: Callable[[], Sequence[Outcome]],
    picture: Callable[[], Picture | None],
    own: checks.OwnChecks = NO_CHECKS,
) -> Events:
    """Materialise one partition of a campaign's assets, or only check it if only checks are asked.

    Args:
        context: Of an asset function with one partition and a choice of assets.
        store: The lake.
        clock: Tells how long the work took.
        compute: Does the work, or finds it done.
        picture: Draws what the assets of the group show; None where there is nothing to draw.
        own: What finds out the checks that only some of the tables have.

    Raises:
        dagster.Failure: The work failed.
        dagster.RetryRequested: It failed in a way that may pass.
    """
    key = context.partition_key
    _tag(context, [key])
    wanted = {key.to_user_string() for key in context.selected_asset_keys}
    if wanted:
        began = clock()
        try:
            outcomes = {each.table.name: each for each in compute()}
        except (ProvingError, OSError) as error:
            failure = _failure(context, [error], _said(error))
            if isinstance(failure, dg.Failure):
                yield from evaluations.refused(context, key, _said(error), error)
            raise failure from error
        seconds = clock() - began
        n_reused = sum(each.is_reused for each in outcomes.values())
        context.log.info(
            f"{key}: {len(outcomes) - n_reused} tables made, {n_reused} reused, {seconds:.1f} s"
        )
        own_outcomes = [outcomes[name] for name in sorted(wanted)]
        images = _images(context, own_outcomes, key, lambda _: picture(), {})
        for outcome in own_outcomes:
            name = outcome.table.name
            passed = _passed_before(context, outcome, key)
            found = evaluations.findings(store, name, key, own, passed)
            yield dg.MaterializeResult(
                asset_key=name,
                data_version=dg.DataVersion(outcome.footer.content_hash),
                metadata=_metadata(store, outcome, images[name], seconds),
            )
            yield from evaluations.evaluated(context, found, name, key)
    others = {key.asset_key.to_user_string() for key in context.selected_asset_check_keys} - wanted
    for name in sorted(others):
        found = evaluations.findings(store, name, key, own)
        yield from evaluations.evaluated(context, found, name, key)


def logged(
    context: dg.AssetExecutionContext,
    store: Store,
    clock: Clock,
    compute: Callable[[str], Sequence[Outcome]],
    picture: Callable[[str], Picture | None],
    own_pictures: Mapping[str, Callable[[str], Picture | None]] | None = None,
    own: Callable[[str], checks.OwnChecks] = lambda _: NO_CHECKS,
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """Materialise many partitions in one run, each with a data version and checks of its own.

    A partition that fails stops no other, and is reported last: the graph shows the latest.

    Args:
        context: Of an asset function with a range of partitions.
        store: The lake.
        clock: Tells how long the work took.
        compute: Does the work for one key, or finds it done.
        picture: Draws what the assets of one key show.
        own_pictures: Draws, by table, what an asset shows instead.
        own: What finds out the checks that only some tables of a key have.

    Raises:
        dagster.Failure: After the last partition, if one failed.
        dagster.RetryRequested: Likewise, if all that failed may pass.
    """
    keys = sorted(context.partition_keys)
    if not keys:
        raise dg.Failure("the range names no partition: its start lies behind its end")
    _tag(context, keys)
    failed: list[dg.AssetCheckEvaluation] = []
    errors: dict[str, ProvingError | OSError] = {}
    for number, key in enumerate(keys, start=1):
        began, read_at = clock(), versions.latest_event(context)
        try:
            outcomes = compute(key) if context.selected_asset_keys else ()
            seconds = clock() - began
            images = _images(context, outcomes, key, picture, own_pictures or {})
            read = [versions.inputs(context, store, each.table, key) for each in outcomes]
        except (ProvingError, OSError) as error:
            errors[key] = error
            failed += evaluations.refused(context, key, _said(error), error)
            continue
        passed = {each.table.name: _passed_before(context, each, key) for each in outcomes}
        for outcome, inputs in zip(outcomes, read, strict=True):
            shown = _metadata(store, outcome, images[outcome.table.name], seconds)
            yield _materialisation(context, outcome, key, shown, inputs, read_at)
        for evaluation in evaluations.logged(context, store, key, own(key), passed):
            if evaluation.passed:
                yield evaluation
            else:
                failed.append(evaluation)
        _log_progress(context, number, keys, len(errors))
    said = "\n".join(f"{key}: {_said(error)}" for key, error in errors.items())
    failure = _failure(context, list(errors.values()), said) if errors else None
    if not isinstance(failure, dg.RetryRequested):  # else all is asked again
        yield from failed
    if failure is not None:
        raise failure


def _log_progress(
    context: dg.AssetExecutionContext, number: int, keys: Sequence[str], n_failed: int
) -> None:
    if number % -(-len(keys) // _LINES) == 0 or number == len(keys):
        said = f"{number} of {len(keys)} partitions, last {keys[number - 1]}; {n_failed} failed"
        context.log.info(said)


def _materialisation(
    context: dg.AssetExecutionContext,
    outcome: Outcome,
    key: str,
    metadata: Mapping[str, Any],
    read: Mapping[dg.AssetKey, str],
    read_at: int | None,
) -> dg.AssetMaterialization:
    """Return the event of one partition of a range, with the versions Dagster would give it."""
    digest = outcome.footer.content_hash
    return dg.AssetMaterialization(
        outcome.table.name,
        partition=key,
        metadata=metadata,
        tags=versions.tags(context, outcome.table, digest, read, read_at=read_at),
    )


def _passed_before(context: dg.AssetExecutionContext, outcome: Outcome, key: str) -> frozenset[str]:
    """Return the costly checks that need not be asked again; all are of rows that were made."""
    if not outcome.is_reused:
        return frozenset()
    footer = outcome.footer
    return evaluations.passed_before(context, outcome.table.name, key, footer.content_hash)


def _tag(context: dg.AssetExecutionContext, keys: Sequence[str]) -> None:
    """Name the documents that a run works on, so that runs can be found by them."""
    # A run of checks alone has no assets of its own.
    asked = {*context.selected_asset_keys}
    asked |= {check.asset_key for check in context.selected_asset_check_keys}
    first = TABLES[min(asked).to_user_string()]
    found: dict[str, set[str]] = {}
    for key in keys:
        for column, value in zip(first.partitioned_by, key.split("|"), strict=True):
            found.setdefault(column, set()).add(value)
    context.instance.add_run_tags(
        context.run.run_id,
        {
            f"proving/{name}": next(iter(ids)) if len(ids) == 1 else f"{len(ids)} of them"
            for name, ids in found.items()
        },
    )


def _images(
    context: dg.AssetExecutionContext,
    outcomes: Sequence[Outcome],
    key: str,
    picture: Callable[[str], Picture | None],
    own_pictures: Mapping[str, Callable[[str], Picture | None]],
) -> dict[str, Picture | None]:
    """Return what each asset of one key shows; what several show is drawn once.

    What was drawn of the same inputs by the same code is shown again: some pictures take runs of
    their own, and a partition that is current asks nothing of the engine.
    """
    images = {each.table.name: _shown_before(context, each, key) for each in outcomes}
    missing = [name for name, image in images.items() if image is None]
    shared = picture(key) if any(name not in own_pictures for name in missing) else None
    for name in missing:
        images[name] = own_pictures[name](key) if name in own_pictures else shared
    return images


def _shown_before(context: dg.AssetExecutionContext, outcome: Outcome, key: str) -> Picture | None:
    """Return the picture that stands beside a partition if it is what would be drawn now."""
    record = (
        evaluations.latest(context.instance, outcome.table.name, key) if outcome.is_reused else None
    )
    if record is None or record.asset_materialization is None:
        return None
    before = record.asset_materialization.metadata
    footer = outcome.footer
    # The rows too: trials are added to a table whose inputs stay what they were.
    wanted = {
        "drawn_by": _drawing_code(),
        "input_hash": footer.input_hash,
        "content_hash": footer.content_hash,
    }
    if "picture" not in before or any(
        name not in before or before[name].value != value for name, value in wanted.items()
    ):
        return None
    shown = str(before["picture"].value)
    return shown.removeprefix(f"![{outcome.table.name}](").removesuffix(")")


def _drawing_code() -> str:
    return digest(".", root=Path(__file__).parent)


def _said(error: ProvingError | OSError) -> str:
    """Return what a person is told of an error: what, where, and why."""
    if isinstance(error, ProvingError):
        return error.message
    return f"{error.filename or 'a file'}: {error.strerror or error}"


def _may_pass(error: ProvingError | OSError) -> bool:
    if isinstance(error, OSError):
        return error.errno in _PASSING
    return isinstance(error, StoreError) and error.is_passing


def _failure(
    context: dg.AssetExecutionContext, errors: Sequence[ProvingError | OSError], said: str
) -> dg.Failure | dg.RetryRequested:
    """Return the step's failure with what a program needs of the worst error, or another try."""
    if all(_may_pass(error) for error in errors) and context.retry_number < RETRIES:
        context.log.warning(f"tried again, this may pass: {said}")
        return dg.RetryRequested(max_retries=RETRIES, seconds_to_wait=1 + context.retry_number)
    own = [error for error in errors if isinstance(error, ProvingError)]
    worst = max(own, key=lambda error: error.exit_code, default=None)
    code = "FILE" if worst is None else worst.code
    exit_code = ProvingError.exit_code if worst is None else worst.exit_code
    return dg.Failure(said, metadata={"code": code, "exit_code": exit_code}, allow_retries=False)


def _metadata(
    store: Store, outcome: Outcome, image: Picture | None, seconds: float
) -> Mapping[str, Any]:
    """Return what stands beside a materialisation: what it says first, then how it was made."""
    footer = outcome.footer
    metadata = {name: _shown(value) for name, value in outcome.facts.items()}
    if image is not None:
        # Dagster opens it in a dialog of its own: a page holds no text of a thousand letters.
        metadata["picture"] = dg.MetadataValue.md(f"![{outcome.table.name}]({image})")
    first = glance(store, outcome.table, outcome.partition)
    if first is not None:
        metadata["first_rows"] = first
    metadata |= {
        "dagster/partition_row_count": footer.rows,
        "dagster/row_count": footer.rows,
        "bytes": footer.bytes,
        "seconds": round(seconds, 3),
        "reused": outcome.is_reused,
        "path": dg.MetadataValue.path(str(footer.path)),
        "content_hash": footer.content_hash,
        "input_hash": footer.input_hash,
        "engine_version": footer.engine_version,
    }
    if outcome.mended:
        metadata["mended"] = outcome.mended
    if image is not None:
        metadata["drawn_by"] = _drawing_code()
    return metadata


def _shown(value: Any) -> Any:
    """Return a fact as a page shows it: numbers without noise, long texts as Markdown."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Path):
        return dg.MetadataValue.path(str(value))
    if isinstance(value, str) and "\n" in value:
        return dg.MetadataValue.md(value)
    return value
