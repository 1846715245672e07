"""The whole graph of one campaign in one process, on the same instance as the UI."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import dagster as dg

from assets.checks import DOCUMENTS
from pipelines import home as homes
from pipelines import records
from pipelines.definitions import build
from pipelines.launching import Ended, Launcher
from simcore import documents, steps
from simcore.campaign import Campaign, load
from simcore.errors import ProvingError
from simcore.imports.intake import collections
from simcore.lake import put_views
from simcore.store import Address, Partition, Store, is_key
from simcore.tables import TABLES
from simcore.tables.table import Table

RANGE_START: Final = "dagster/asset_partition_range_start"
RANGE_END: Final = "dagster/asset_partition_range_end"
PARTITION: Final = "dagster/partition"
SOFTWARE_BUG: Final = ProvingError.exit_code

# The documents that every partition of a name stands for.
_KINDS: Final = (
    ("campaign", "campaigns"),
    ("strategy", "strategies"),
    ("evolution", "evolutions"),
)
# Steps report themselves by `progress`; Dagster's own log of them lies in the instance.
_RUN_CONFIG: Final = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Made:
    """One partition of one table, as a run left it.

    Args:
        table: Name of the table.
        key: Key of the partition.
        content_hash: Hash of its rows.
        rows: Number of its rows.
        is_reused: Whether nothing had to be done.
        mended: What was wrong with the file that was replaced; empty if nothing was.
    """

    table: str
    key: str
    content_hash: str
    rows: int
    is_reused: bool
    mended: str = ""


@dataclass
class Summary:
    """What a headless run did.

    Args:
        campaign: Its id.
        lake: Root of the tables.
        made: Every partition that is there now, in the order of the graph.
        checks_passed: How many checks hold.
        failures: What went wrong, one sentence each: failed checks and failed steps.
        exit_code: 0 if every asset is whole and every check holds.
        result: Result of the chaos run.
        verdict: What the campaign says about real money.
        report: The page of the campaign, empty if it did not come so far.
    """

    campaign: str
    lake: Address
    made: list[Made] = field(default_factory=list)
    checks_passed: int = 0
    failures: list[str] = field(default_factory=list)
    exit_code: int = 0
    result: str = ""
    verdict: str = ""
    report: str = ""

    @property
    def text(self) -> str:
        """The summary for people."""
        reused = sum(each.is_reused for each in self.made)
        lines = [
            f"{self.campaign}: {len(self.made)} partitions, {len(self.made) - reused} made, "
            f"{reused} reused; {self.checks_passed} checks hold",
            *(f"mended: {each.mended}" for each in self.made if each.mended),
            *(f"failed: {failure}" for failure in self.failures),
            f"tables   {self.lake}",
        ]
        if self.verdict:
            lines += [f"result   {self.result}", f"verdict  {self.verdict}"]
        if self.report:
            lines.append(f"report   {self.report}")
        return "\n".join(lines)

    @property
    def data(self) -> dict[str, Any]:
        """The summary for programs."""
        return {
            "campaign": self.campaign,
            "lake": str(self.lake),
            "partitions": [vars(each) for each in self.made],
            "checks_passed": self.checks_passed,
            "failures": self.failures,
            "result": self.result,
            "verdict": self.verdict,
            "report": self.report,
        }


def register(instance: dg.DagsterInstance, home: Path) -> dict[str, list[str]]:
    """Add the keys of every document of a kind with partitions that has none yet.

    Args:
        instance: Keeps the keys.
        home: Folder whose documents join the library's.

    Returns:
        The keys that were added, by the name of the partitions.
    """
    added = {}
    wanted = {name: list(documents.found(kind, home)) for name, kind in _KINDS}
    wanted["collection"] = collections(home)
    wanted["generation"] = steps.makeable_generations(Store(homes.lake(home)))
    for name, keys in wanted.items():
        known = set(instance.get_dynamic_partitions(name))
        # What cannot be a key is the name of a document that is refused anyway.
        missing = [key for key in keys if key not in known and is_key(key)]
        if missing:
            instance.add_dynamic_partitions(name, missing)
        added[name] = missing
    return added


def run(
    campaign: str,
    *,
    home: Path,
    progress: Callable[[str], None],
    instance: dg.DagsterInstance | None = None,
    launcher: Launcher | None = None,
) -> Summary:
    """Materialise every asset of a campaign, each as late as what it needs allows.

    A step that fails ends the run: nothing is built on what is not whole.

    Args:
        campaign: Id of the campaign.
        home: Absolute path of the home; made where missing.
        progress: Told one line a step.
        instance: Records the runs; None takes the home's own.
        launcher: Hands the runs to workers; None does them here.

    Raises:
        SpecError: The campaign or a document that it names is wrong; nothing was done.
    """
    homes.init(home)
    asked = load(campaign, home=home)
    if instance is None:
        with homes.instance(home) as own:
            return run(campaign, home=home, progress=progress, instance=own, launcher=launcher)
    register(instance, home)
    store = Store(homes.lake(home))
    store.sweep()
    summary = Summary(asked.id, store.root)
    definitions = build(home)
    with dg.partition_loading_context(dynamic_partitions_store=instance):
        for assets in _in_order(definitions):
            progress(f"{_name(assets)} ...")
            stands = _stands(assets, asked, instance, store, home)
            pieces = launcher.pieces if launcher else 1
            spans = list(_spans(assets, asked, instance, set(stands.outcomes), pieces=pieces))
            if launcher is None:
                ended = _done_here(definitions, assets, spans, instance)
            else:
                ended = launcher.materialise(sorted(assets.keys), spans)
            for each in ended:
                _tell(_name(assets), each, summary)
            _reuse(stands, summary)
            progress(_line(assets, summary))
            if summary.failures:
                break
    _judge(store, summary)
    _show(store, home, summary)
    return summary


def spread(campaign: str, *, home: Path, progress: Callable[[str], None], pieces: int) -> Summary:
    """Do what `run` does on the workers of the home's instance, whose daemon must be running.

    Args:
        campaign: Id of the campaign.
        home: Absolute path of the home.
        progress: Told one line a step.
        pieces: Into how many runs a step with many partitions is cut.

    Raises:
        SpecError: The campaign or a document that it names is wrong; nothing was done.
    """
    with homes.instance(home) as own, Launcher.opened(own, pieces=pieces) as launcher:
        return run(campaign, home=home, progress=progress, instance=own, launcher=launcher)


def _in_order(definitions: dg.Definitions) -> list[dg.AssetsDefinition]:
    """Return a campaign's asset functions so that each comes after all that it reads."""
    graph = definitions.resolve_asset_graph()
    ordered: dict[str, dg.AssetsDefinition] = {}
    for level in graph.toposorted_asset_keys_by_level:
        for key in sorted(level):
            if not {"campaign", "strategy"} & {*TABLES[key.to_user_string()].partitioned_by}:
                continue  # bred or brought in outside of any campaign
            assets = graph.get(key).assets_def
            ordered.setdefault(_name(assets), assets)
    return list(ordered.values())


def _name(assets: dg.AssetsDefinition) -> str:
    return next(iter(assets.group_names_by_key.values()))


def _tables(assets: dg.AssetsDefinition) -> list[Table]:
    return [TABLES[key.to_user_string()] for key in sorted(assets.keys)]


def _stands(
    assets: dg.AssetsDefinition,
    campaign: Campaign,
    instance: dg.DagsterInstance,
    store: Store,
    home: Path,
) -> records.Standing:
    """Return what an asset function need not be run for."""
    return records.standing(instance, store, _tables(assets), campaign, home=home)


def _reuse(stands: records.Standing, summary: Summary) -> None:
    """Add what no run was needed for to the summary."""
    summary.checks_passed += stands.n_checks
    summary.made += [
        Made(each.table.name, key, each.footer.content_hash, each.footer.rows, is_reused=True)
        for key, outcomes in stands.outcomes.items()
        for each in outcomes
    ]


def _spans(
    assets: dg.AssetsDefinition,
    campaign: Campaign,
    instance: dg.DagsterInstance,
    done: set[str],
    *,
    pieces: int,
) -> Iterator[Mapping[str, str]]:
    """Return the tags of each run: one partition, or a range that names no other partition.

    Many partitions are cut into so many pieces, or a few more where a range would have a gap.
    """
    partitioned_by = _tables(assets)[0].partitioned_by
    if partitioned_by == ("campaign",):
        if campaign.id not in done:
            yield {PARTITION: campaign.id}
        return
    prefix = f"{campaign.id}|" if "campaign" in partitioned_by else ""
    wanted = {each.id for each in campaign.strategies if f"{prefix}{each.id}" not in done}
    longest = max(1, -(-len(wanted) // pieces))
    for span in _contiguous(instance.get_dynamic_partitions("strategy"), wanted):
        for first in range(0, len(span), longest):
            last = min(first + longest, len(span)) - 1
            yield {RANGE_START: f"{prefix}{span[first]}", RANGE_END: f"{prefix}{span[last]}"}


def _contiguous(ordered: Sequence[str], wanted: set[str]) -> list[list[str]]:
    """Return the wanted keys as runs without a gap: a range spans whatever lies between its ends.

    Args:
        ordered: Every key, in the order of the partitions.
        wanted: Keys to be covered.
    """
    spans: list[list[str]] = [[]]
    for key in ordered:
        if key in wanted:
            spans[-1].append(key)
        elif spans[-1]:
            spans.append([])
    return [span for span in spans if span]


def _done_here(
    definitions: dg.Definitions,
    assets: dg.AssetsDefinition,
    spans: Sequence[Mapping[str, str]],
    instance: dg.DagsterInstance,
) -> Iterator[Ended]:
    """Do the runs in this process, one after the other."""
    keys = sorted(assets.keys)
    job = definitions.get_repository_def().get_implicit_job_def_for_assets(keys)
    if job is None:
        raise ProvingError("INVARIANT", f"no job materialises {_name(assets)}")
    # What is wrong with documents that the campaign does not name is no matter of its runs.
    part = job.get_subset(asset_selection=assets.keys, asset_check_selection=assets.check_keys)
    for tags in spans:
        result = part.execute_in_process(
            run_config=_RUN_CONFIG,
            instance=instance,
            tags=dict(tags),
            raise_on_error=False,
        )
        yield Ended(result.run_id, result.success, result.all_events)


def _tell(name: str, ended: Ended, summary: Summary) -> None:
    """Add what one run did to the summary."""
    for event in ended.events:
        if event.is_step_materialization:
            summary.made.append(_made(event))
        elif event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            if event.asset_check_evaluation_data.check_name != DOCUMENTS:
                _count(event.asset_check_evaluation_data, summary)
        elif event.is_step_failure:
            _fail(event.step_failure_data, summary)
    if not ended.has_succeeded and not summary.failures:
        summary.failures.append(f"{name}: {_reason(ended)}")
        summary.exit_code = SOFTWARE_BUG


def _reason(ended: Ended) -> str:
    """Return why a run ended that came to no step: what lies deepest under Dagster's own words."""
    for event in ended.events:
        if event.event_type == dg.DagsterEventType.RESOURCE_INIT_FAILURE:
            error = event.engine_event_data.error
            while error is not None and error.cause is not None:
                error = error.cause
            if error is not None:
                return str(error.message).strip().removeprefix(f"simcore.errors.{error.cls_name}: ")
    return f"run {ended.run_id} failed"


def _made(event: dg.DagsterEvent) -> Made:
    materialisation = event.step_materialization_data.materialization
    values = {name: each.value for name, each in materialisation.metadata.items()}
    return Made(
        table=materialisation.asset_key.to_user_string(),
        key=str(materialisation.partition),
        content_hash=str(values["content_hash"]),
        rows=int(values["dagster/row_count"]),
        is_reused=bool(values["reused"]),
        mended=str(values.get("mended", "")),
    )


def _count(evaluation: dg.AssetCheckEvaluation, summary: Summary) -> None:
    if evaluation.passed:
        summary.checks_passed += 1
        return
    name = evaluation.asset_key.to_user_string()
    where = f"{name} {evaluation.partition}: check {evaluation.check_name}"
    summary.failures.append(f"{where}: {evaluation.description}")
    summary.exit_code = summary.exit_code or SOFTWARE_BUG


def _fail(failure: Any, summary: Summary) -> None:
    said = failure.user_failure_data
    if said is None:  # a blocking check that failed is told of already
        if not summary.failures:
            summary.failures.append(str(failure.error.message).strip())
            summary.exit_code = SOFTWARE_BUG
        return
    summary.failures.append(said.description or said.label)
    code = said.metadata.get("exit_code")
    summary.exit_code = int(code.value) if code is not None else SOFTWARE_BUG


def _line(assets: dg.AssetsDefinition, summary: Summary) -> str:
    names = {key.to_user_string() for key in assets.keys}
    own = [each for each in summary.made if each.table in names]
    reused = sum(each.is_reused for each in own)
    rows = sum(each.rows for each in own)
    return f"{_name(assets)}: {len(own) - reused} made, {reused} reused, {rows:,} rows"


def _show(store: Store, home: Path, summary: Summary) -> None:
    """Name the page of the campaign; a copy that went while its table is current is put back."""
    if not any(each.table == "report" for each in summary.made):
        return
    path = home / "reports" / f"{summary.campaign}.html"
    if not path.exists():
        steps.write_page(store, summary.campaign, path)
    put_views(store, home)
    summary.report = str(path)


def _judge(store: Store, summary: Summary) -> None:
    """Add what the campaign found to the summary, where it got that far."""
    if not any(each.table == "verdicts" for each in summary.made):
        return
    rows = store.read(
        TABLES["verdicts"], Partition(campaign=summary.campaign), ["result", "verdict"]
    )
    summary.result = " ".join(sorted({str(value) for value in rows["result"]}))
    summary.verdict = " ".join(sorted({str(value) for value in rows["verdict"]}))
