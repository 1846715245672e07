"""Waves of runs after a change: what is touched now, and then what that touched.

Nobody can tell whether runs are touched before their markets are there again. So a change asks for
the first stages that are not current, and each time the last run of a wave has ended the lake is
asked once more, until nothing is left. A wave with a failed run has no sequel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import dagster as dg

from pipelines.jobs import BACKTEST, CALIBRATE, COMPILE, MARKETS, SHAKE, STANDINGS
from simcore import reuse
from simcore.campaign import load
from simcore.store import Store

TICK_TAG: Final = "proving/tick"
CAMPAIGN_TAG: Final = "proving/campaign"
COUNT_TAG: Final = "proving/runs_of_tick"
WAVE_TAG: Final = "proving/wave"
CHANGED_TAG: Final = "proving/changed"
RANGE_START: Final = "dagster/asset_partition_range_start"
RANGE_END: Final = "dagster/asset_partition_range_end"

# What runs in which job; those of the second group wait for all of the first.
_FIRST: Final = {
    "markets": MARKETS,
    "chaos": SHAKE,
    "calibration": CALIBRATE,
    "strategies": COMPILE,
    "runs": BACKTEST,
}
_LAST: Final = ("portfolios", "tournaments", "history", "report")


def touched(store: Store, campaign_id: str, *, home: Path) -> dict[str, list[str]]:
    """Return what was made before and is not current, by stage; what nobody made stays unmade.

    Args:
        store: The lake.
        campaign_id: Whose partitions.
        home: Folder whose documents join the library's.

    Raises:
        SpecError: The campaign or what it names is wrong.
    """
    campaign = load(campaign_id, home=home, is_strict=False)
    stale = reuse.stale(store, campaign, home=home)
    found = {}
    for stage in reuse.STAGES:
        made = {each.key for each in store.partitions(stage.tables[0])}
        # A strategy that a campaign names from now on joins those that ran in it.
        is_begun = any(key in made for key in stage.keys(campaign))
        if stage.name in stale and is_begun:
            found[stage.name] = stale[stage.name]
    return found


def requests(
    found: Mapping[str, list[str]],
    campaign_id: str,
    *,
    tick: int,
    wave: int,
    changed: str,
    strategies: list[str],
) -> list[dg.RunRequest]:
    """Return the runs of one wave.

    Args:
        found: What `touched` found.
        campaign_id: Whose partitions.
        tick: Number of the tick that saw the change.
        wave: Number of the wave after it, from zero.
        changed: Names of the documents, for people.
        strategies: Every key of the strategies, in the order of the partitions.
    """
    wanted: list[tuple[dg.JobDefinition, dict[str, str], str]] = []
    for stage, job in _FIRST.items():
        if stage not in found:
            continue
        if stage not in ("strategies", "runs"):
            wanted.append((job, {"dagster/partition": campaign_id}, stage))
            continue
        prefix = f"{campaign_id}|" if stage == "runs" else ""
        own = {key.removeprefix(prefix) for key in found[stage]}
        for span in spans(strategies, own):
            ends = {RANGE_START: f"{prefix}{span[0]}", RANGE_END: f"{prefix}{span[-1]}"}
            wanted.append((job, ends, f"{stage} {span[0]}"))
    if not wanted and any(stage in found for stage in _LAST):
        wanted = [(STANDINGS, {"dagster/partition": campaign_id}, "standings")]
    return [
        dg.RunRequest(
            job_name=job.name,
            run_key=f"{campaign_id}:{what}:{tick}:{wave}",
            tags={
                **where,
                TICK_TAG: str(tick),
                CAMPAIGN_TAG: campaign_id,
                WAVE_TAG: str(wave),
                CHANGED_TAG: changed[:200],
                COUNT_TAG: str(len(wanted)),
            },
        )
        for job, where, what in wanted
    ]


def spans(ordered: list[str], wanted: set[str]) -> Iterator[list[str]]:
    """Yield the wanted keys as stretches without a gap: a range runs whatever lies within it.

    Args:
        ordered: Every key, in the order of the partitions.
        wanted: Keys to be covered.
    """
    span: list[str] = []
    for key in ordered:
        if key in wanted:
            span.append(key)
        elif span:
            yield span
            span = []
    if span:
        yield span


def sequel(
    instance: dg.DagsterInstance, run: dg.DagsterRun, store: Store, home: Path
) -> list[dg.RunRequest] | dg.SkipReason:
    """Ask for the next wave once the last run of one has ended.

    Args:
        instance: Knows the runs.
        run: One of the wave, which has ended.
        store: The lake.
        home: Folder whose documents join the library's.

    Raises:
        SpecError: The campaign or what it names is wrong by now.
        StoreError: The lake gave no answer.
    """
    tags = run.tags
    own = {name: tags[name] for name in (TICK_TAG, CAMPAIGN_TAG, WAVE_TAG)}
    runs = instance.get_runs(dg.RunsFilter(tags=own))
    # A run that was tried again has a later one in its place.
    last = {(run.job_name, run.tags.get(RANGE_START, "")): run for run in reversed(runs)}
    ended = [run for run in last.values() if run.is_finished]
    where = f"{own[CAMPAIGN_TAG]}: wave {own[WAVE_TAG]} of tick {own[TICK_TAG]}"
    if len(ended) < int(tags[COUNT_TAG]):
        return dg.SkipReason(f"{where}: {len(ended)} of {tags[COUNT_TAG]} runs have ended")
    failed = [run.run_id for run in ended if not run.is_success]
    if failed:
        return dg.SkipReason(f"{where} failed in {', '.join(failed)}: nothing is built on it")
    return requests(
        touched(store, own[CAMPAIGN_TAG], home=home),
        own[CAMPAIGN_TAG],
        tick=int(own[TICK_TAG]),
        wave=int(own[WAVE_TAG]) + 1,
        changed=tags[CHANGED_TAG],
        strategies=list(instance.get_dynamic_partitions("strategy")),
    ) or dg.SkipReason(f"{where} was the last: all is current")
