"""What Dagster is told of a step's outcomes: materialisations, data versions, metadata, checks.

Nothing is computed here, and nothing is written but events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as Target,
)

from assets import checks
from assets.partitions import partitions_of
from simcore import engine
from simcore.errors import ProvingError, SpecError
from simcore.sources import digest
from simcore.steps import BY_TABLE, Outcome
from simcore.store import Partition, Store
from simcore.tables import TABLES
from simcore.tables.table import Table

OWNERS: Final = ["team:proving-ground"]
POOL: Final = "engine"

Picture = str
"""An image as a data URI."""


def _code_version(table: Table) -> str:
    """What computes a table's rows: the engine, the columns it has, and the Python of its step."""
    code = BY_TABLE[table.name].code[:12]
    return f"{engine.version()}/{table.schema_version}/{code}"


def asset_specs(
    tables: Sequence[Table], *, deps: Sequence[str], group: str, kinds: set[str]
) -> list[dg.AssetSpec]:
    """Return the specification of each table's asset.

    Args:
        tables: Tables that one function writes.
        deps: Names of the tables it reads.
        group: Group of the assets in the graph.
        kinds: What computes them; Parquet is added.
    """
    return [
        dg.AssetSpec(
            table.name,
            deps=list(deps),
            description=table.meaning,
            group_name=group,
            owners=OWNERS,
            kinds={*kinds, "parquet"},
            code_version=_code_version(table),
            partitions_def=partitions_of(table),
            metadata={"dagster/column_schema": column_schema(table)},
        )
        for table in tables
    ]


def check_specs(tables: Sequence[Table]) -> list[dg.AssetCheckSpec]:
    """Return the checks of the tables, table by table."""
    return [spec for table in tables for spec in checks.specs(table)]


def column_schema(table: Table) -> dg.TableSchema:
    """Return the table's columns as Dagster shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                type=column.dtype,
                description=f"{column.meaning} [{column.unit}]",
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable, unique=table.key == (column.name,)
                ),
            )
            for column in table.columns
        ]
    )


def results(
    context: dg.AssetExecutionContext,
    store: Store,
    compute: Callable[[], Sequence[Outcome]],
    picture: Callable[[], Picture | None],
    own_checks: checks.OwnChecks | None = None,
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Materialise one partition of a campaign's assets, or only check it if only checks are asked.

    Args:
        context: Of an asset function with one partition and a choice of assets.
        store: The lake.
        compute: Does the work, or finds it done.
        picture: Draws what the assets of the group show; None where there is nothing to draw.
        own_checks: Finds what only some of the tables are checked for, by table; None where no
            table of the group has such checks.
    """

    def findings(name: str) -> list[checks.Finding]:
        table = TABLES[name]
        partition = Partition.parse(table, context.partition_key)
        found = checks.findings(store, table, partition)
        return found + (list(own_checks(table, partition)) if own_checks is not None else [])

    wanted = {key.to_user_string() for key in context.selected_asset_keys}
    if wanted:
        try:
            outcomes = {each.table.name: each for each in compute()}
        except ProvingError as error:
            raise _failure([error], error.message) from error
        image = picture()
        for name in sorted(wanted):
            yield _result(context, outcomes[name], image, findings(name))
    others = {key.asset_key.to_user_string() for key in context.selected_asset_check_keys} - wanted
    for name in sorted(others):
        yield from _check_results(context, findings(name), name)


def logged(
    context: dg.AssetExecutionContext,
    store: Store,
    compute: Callable[[str], Sequence[Outcome]],
    picture: Callable[[str], Picture | None],
    own_pictures: Mapping[str, Callable[[str], Picture | None]] | None = None,
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """Materialise many partitions in one run, each with a data version and checks of its own.

    A partition that fails is reported as itself and does not stop the others. What failed is
    reported last, so that the graph, which shows the latest evaluation, shows a failure.

    Args:
        context: Of an asset function with a range of partitions.
        store: The lake.
        compute: Does the work for one key, or finds it done.
        picture: Draws what the assets of one key show.
        own_pictures: Draws, by table, what an asset shows instead.

    Raises:
        dagster.Failure: After the last partition, if one failed.
    """
    keys = sorted(context.partition_keys)
    if not keys:
        raise dg.Failure("the range names no partition: its start lies behind its end")
    names = {key.to_user_string() for key in context.selected_asset_keys}
    failed: list[dg.AssetCheckEvaluation] = []
    errors: dict[str, ProvingError] = {}
    for key in keys:
        try:
            outcomes = compute(key) if names else ()
            images = _images(context, outcomes, key, picture, own_pictures or {})
        except ProvingError as error:
            errors[key] = error
            failed += _refused(context, key, error)
            continue
        for outcome in outcomes:
            yield dg.AssetMaterialization(
                outcome.table.name,
                partition=key,
                metadata=_metadata(outcome, images[outcome.table.name]),
                tags={"dagster/data_version": outcome.footer.content_hash},
            )
        for evaluation in _evaluations(context, store, key):
            if evaluation.passed:
                yield evaluation
            else:
                failed.append(evaluation)
    yield from failed
    if errors:
        said = "\n".join(f"{key}: {error.message}" for key, error in errors.items())
        raise _failure(list(errors.values()), said)


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
    record = _latest(context, outcome.table.name, key) if outcome.is_reused else None
    if record is None or record.asset_materialization is None:
        return None
    before = record.asset_materialization.metadata
    wanted = {"drawn_by": _drawing_code(), "input_hash": outcome.footer.input_hash}
    if "picture" not in before or any(
        name not in before or before[name].value != value for name, value in wanted.items()
    ):
        return None
    shown = str(before["picture"].value)
    return shown.removeprefix(f"![{outcome.table.name}](").removesuffix(")")


def _drawing_code() -> str:
    return digest(".", root=Path(__file__).parent)


def _failure(errors: Sequence[ProvingError], said: str) -> dg.Failure:
    """Return the step's failure, with what a program needs of the worst error."""
    worst = max(errors, key=lambda error: error.exit_code)
    return dg.Failure(said, metadata={"code": worst.code, "exit_code": worst.exit_code})


def _result(
    context: dg.AssetExecutionContext,
    outcome: Outcome,
    image: Picture | None,
    found: Sequence[checks.Finding],
) -> dg.MaterializeResult:
    return dg.MaterializeResult(
        asset_key=outcome.table.name,
        data_version=dg.DataVersion(outcome.footer.content_hash),
        metadata=_metadata(outcome, image),
        check_results=list(_check_results(context, found, outcome.table.name)),
    )


def _check_results(
    context: dg.AssetExecutionContext, found: Sequence[checks.Finding], name: str
) -> Iterator[dg.AssetCheckResult]:
    wanted = {
        (key.asset_key.to_user_string(), key.name) for key in context.selected_asset_check_keys
    }
    for finding in found:
        if (name, finding.check) in wanted:
            yield dg.AssetCheckResult(
                asset_key=name,
                check_name=finding.check,
                passed=finding.has_passed,
                metadata={"rows": finding.count},
                description=finding.message or None,
            )


def _evaluations(
    context: dg.AssetExecutionContext, store: Store, key: str
) -> Iterator[dg.AssetCheckEvaluation]:
    wanted: dict[str, set[str]] = {}
    for check in context.selected_asset_check_keys:
        wanted.setdefault(check.asset_key.to_user_string(), set()).add(check.name)
    for name in sorted(wanted):
        table = TABLES[name]
        target = _target(context, name, key)
        for finding in checks.findings(store, table, Partition.parse(table, key)):
            if finding.check in wanted[name]:
                yield dg.AssetCheckEvaluation(
                    asset_key=dg.AssetKey(name),
                    check_name=finding.check,
                    passed=finding.has_passed,
                    metadata={"rows": finding.count},
                    description=finding.message or None,
                    blocking=True,
                    partition=key,
                    target_materialization_data=target,
                )


def _refused(
    context: dg.AssetExecutionContext, key: str, error: ProvingError
) -> list[dg.AssetCheckEvaluation]:
    """Return a failed check an asset, so that the partition's own page says what was wrong."""
    return [
        dg.AssetCheckEvaluation(
            asset_key=asset,
            check_name=_told_by(asset, error),
            passed=False,
            description=error.message,
            blocking=True,
            partition=key,
        )
        for asset in sorted(context.selected_asset_keys)
    ]


def _told_by(asset: dg.AssetKey, error: ProvingError) -> str:
    """Return the check that tells of an error: a document's own has one where it is compiled."""
    own = checks.sentences(TABLES[asset.to_user_string()])
    is_document = isinstance(error, SpecError) and checks.DOCUMENT in own
    return checks.DOCUMENT if is_document else "content_hash"


def documents_evaluation(refused: Mapping[str, str]) -> dg.AssetCheckEvaluation:
    """Return the evaluation of all strategy documents as they lie in their folders.

    It names no partition: a run judges the partitions, and an event without a run may be stored
    only once for each of them.

    Args:
        refused: What is wrong, by the id of each strategy that has no run because of it.
    """
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey("strategies"),
        check_name=checks.DOCUMENT,
        passed=not refused,
        description="\n".join(refused[name] for name in sorted(refused)) or None,
        metadata={"documents": ", ".join(sorted(refused)) or "none"},
        blocking=True,
    )


def _target(context: dg.AssetExecutionContext, name: str, key: str) -> Target | None:
    """Return the materialisation that is judged; without it a partition's page hides its checks."""
    record = _latest(context, name, key)
    if record is None:
        return None
    return Target(storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp)


def _latest(context: dg.AssetExecutionContext, name: str, key: str) -> dg.EventLogRecord | None:
    """Return the latest materialisation of a partition, None if there is none."""
    filtered = dg.AssetRecordsFilter(asset_key=dg.AssetKey(name), asset_partitions=[key])
    records = context.instance.fetch_materializations(filtered, limit=1).records
    return records[0] if records else None


def _metadata(outcome: Outcome, image: Picture | None) -> Mapping[str, Any]:
    footer = outcome.footer
    metadata: dict[str, Any] = {
        "dagster/partition_row_count": footer.rows,
        "dagster/row_count": footer.rows,
        "reused": outcome.is_reused,
        "path": dg.MetadataValue.path(str(footer.path)),
        "bytes": footer.bytes,
        "content_hash": footer.content_hash,
        "input_hash": footer.input_hash,
        "engine_version": footer.engine_version,
    }
    if outcome.mended:
        metadata["mended"] = outcome.mended
    metadata.update(outcome.facts)
    if image is not None:
        # On one line and alone, an image stands in the table itself.
        metadata["picture"] = dg.MetadataValue.md(f"![{outcome.table.name}]({image})")
        metadata["drawn_by"] = _drawing_code()
    return metadata
