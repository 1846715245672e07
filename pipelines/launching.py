"""Runs handed to the instance's launcher, and waited for: the workers may be other machines."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import dagster as dg
from dagster._core.execution.submit_asset_runs import submit_asset_run
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget

CODE_LOCATION: Final = "proving_ground"
"""Name of the code location, as `pyproject.toml` says it."""

POLL_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Ended:
    """A run that is over.

    Args:
        run_id: Which.
        has_succeeded: Whether all of it did.
        events: What it said, in order.
    """

    run_id: str
    has_succeeded: bool
    events: Sequence[dg.DagsterEvent]


class Launcher:
    """Hands runs to an instance, whose daemon and workers do them, and waits until they end.

    Args:
        instance: Its queue limits how many go at once; its launcher says where.
        workspace: Holds the code location.
        pieces: Into how many runs a step with many partitions is cut.
    """

    def __init__(
        self, instance: dg.DagsterInstance, workspace: WorkspaceProcessContext, pieces: int
    ) -> None:
        self.instance, self.workspace, self.pieces = instance, workspace, pieces

    @classmethod
    @contextmanager
    def opened(cls, instance: dg.DagsterInstance, *, pieces: int) -> Iterator[Launcher]:
        """Load the code location in this process, and close it in the end."""
        code = LoadableTargetOrigin(module_name="pipelines.definitions")
        origin = InProcessCodeLocationOrigin(code, location_name=CODE_LOCATION)
        target = InProcessWorkspaceLoadTarget(origin)
        with WorkspaceProcessContext(instance, target) as workspace:
            yield cls(instance, workspace, pieces)

    def materialise(
        self, keys: Sequence[dg.AssetKey], tags: Sequence[Mapping[str, str]]
    ) -> Iterator[Ended]:
        """Start one run of the assets for each set of tags, and return them as they are over.

        Args:
            keys: Assets of one function.
            tags: What names the partition or the range of each run.
        """
        waiting = asyncio.run(self._submitted(keys, tags))
        while waiting:
            # Asked for together: on Postgres each question is a connection of its own.
            asked = self.instance.get_runs(dg.RunsFilter(run_ids=waiting))
            known = {run.run_id: run for run in asked}
            for run_id in list(waiting):
                run = known.get(run_id)
                if run is not None and not run.is_finished:
                    continue
                waiting.remove(run_id)
                said = [entry.dagster_event for entry in self.instance.all_logs(run_id)]
                events = [event for event in said if event is not None]
                yield Ended(run_id, run is not None and run.is_success, events)
            if waiting:
                time.sleep(POLL_SECONDS)

    async def _submitted(
        self, keys: Sequence[dg.AssetKey], tags: Sequence[Mapping[str, str]]
    ) -> list[str]:
        """Queue the runs and return their ids. The plan is the same for all: it is made once."""
        plans: dict[Any, Any] = {}
        context = self.workspace.create_request_context()
        runs = [
            await submit_asset_run(
                run_id=str(uuid.uuid4()),
                run_request=dg.RunRequest(asset_selection=list(keys), tags=dict(each)),
                run_request_index=number,
                instance=self.instance,
                workspace_process_context=self.workspace,
                workspace=context,
                run_request_execution_data_cache=plans,
                debug_crash_flags={},
                logger=logging.getLogger(__name__),
            )
            for number, each in enumerate(tags)
        ]
        return [run.run_id for run in runs]
