"""Many campaigns one after another, and again those in which something failed.

Each is run as `proving run` runs it: what is whole, current and on record is left as it is, so a
backfill that was broken off goes on where it stood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from pipelines import headless
from pipelines import home as homes
from pipelines.waves import CAMPAIGN_TAG, RANGE_START
from simcore import documents
from simcore.errors import ProvingError, SpecError
from simcore.problems import Problem

_ENDED_BADLY = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def run(
    campaigns: Sequence[str],
    *,
    home: Path,
    progress: Callable[[str], None],
    instance: dg.DagsterInstance | None = None,
) -> tuple[str, list[dict[str, Any]], int]:
    """Run campaigns one after another; one that is refused or fails stops no other.

    Args:
        campaigns: Ids; none for every campaign that has a document.
        home: Absolute path of the home; made where missing.
        progress: Told one line a step.
        instance: Records the runs; None takes the home's own.

    Returns:
        What to tell people, what to tell programs, and the worst exit code.
    """
    lines: list[str] = []
    told: list[dict[str, Any]] = []
    worst = 0
    for name in campaigns or sorted(documents.found("campaigns", home)):
        progress(f"{name}:")
        try:
            summary = headless.run(name, home=home, progress=progress, instance=instance)
        except ProvingError as error:
            lines.append(f"{name}: {error.message}")
            told.append({"campaign": name, "failures": [error.message]})
            worst = max(worst, error.exit_code)
            continue
        lines.append(summary.text)
        told.append(summary.data)
        worst = max(worst, summary.exit_code)
    return "\n".join(lines), told, worst


def failed(instance: dg.DagsterInstance, home: Path) -> list[str]:
    """Return the campaigns with a run that failed or was stopped, sorted; gone ones left out.

    Raises:
        SpecError: ``UNKNOWN_ID``: no run of any campaign failed.
    """
    runs = instance.get_runs(dg.RunsFilter(statuses=_ENDED_BADLY))
    named = {name for run in runs for name in _campaigns(run.tags.items())}
    found = sorted(named & set(documents.found("campaigns", home)))
    if not found:
        message = "got no failed run of a campaign, expected one [proving run CAMPAIGN]"
        raise SpecError([Problem("ARGUMENT", "UNKNOWN_ID", message, source=str(home))])
    return found


def rerun(*, home: Path, progress: Callable[[str], None]) -> tuple[str, list[dict[str, Any]], int]:
    """Run the campaigns in which something failed again; only what does not stand is made.

    Raises:
        SpecError: As `failed`.
    """
    with homes.instance(home) as own:
        return run(failed(own, home), home=home, progress=progress, instance=own)


def _campaigns(tags: Iterable[tuple[str, str]]) -> set[str]:
    """Return the campaigns that a run's tags name."""
    named = {"dagster/partition", CAMPAIGN_TAG, RANGE_START}
    return {value.split("|")[0] for name, value in tags if name in named}
