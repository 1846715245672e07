"""A worker of a pool: takes runs from the broker, one at a time, and keeps the definitions warm.

`python -m pipelines.worker` on every machine. It reads broker and storage where the instance does,
in `$DAGSTER_HOME/dagster.yaml`, so that who hands out runs and who takes them cannot disagree.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import doctor
from pipelines import home as homes
from simcore.errors import StoreError

if TYPE_CHECKING:
    from celery import Celery


def application() -> Celery:
    """Return the Celery application of the home's instance.

    Raises:
        StoreError: ``NO_BROKER``: the instance starts runs in another way.
    """
    from dagster import DagsterInstance
    from dagster_celery.launcher import CeleryRunLauncher
    from dagster_celery.make_app import make_app
    from dagster_celery.tasks import create_execute_job_task, create_resume_job_task

    with DagsterInstance.get() as instance:
        launcher = instance.run_launcher
    if not isinstance(launcher, CeleryRunLauncher):
        raise StoreError(
            "NO_BROKER",
            f"{os.environ['DAGSTER_HOME']}/dagster.yaml: run_launcher: got "
            f"{type(launcher).__name__}, expected CeleryRunLauncher "
            "[begin with deploy/dagster-celery.yaml]",
        )
    app = make_app(launcher.app_args())
    create_execute_job_task(app)
    create_resume_job_task(app)
    return app


def warm(**_: Any) -> None:
    """Load what every run needs; in the process that works, as no thread outlives a fork."""
    from pipelines.definitions import defs

    defs().get_repository_def()


def cleared(home: Path) -> list[doctor.Finding]:
    """End the runs that died with a worker, as one that is started again after it does first.

    Nobody else misses them: to Dagster and to the broker, who was killed whole still works.
    """
    from dagster import DagsterInstance

    with DagsterInstance.get() as instance:
        return doctor.ended(home, instance)


def main(arguments: list[str]) -> None:
    """Work until told to stop.

    Args:
        arguments: Handed on to ``celery worker``, such as ``--hostname second@%h``.
    """
    from celery.signals import worker_process_init

    home = homes.resolve()
    os.environ.update(homes.environment(home))
    for finding in cleared(home):
        print(finding, flush=True)
    worker_process_init.connect(warm)
    # One run at a time: who wants more at once starts more workers.
    options = ["--concurrency", "1", "--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    application().worker_main(["worker", *options, *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
