"""The one Definitions object, from explicit lists."""

from __future__ import annotations

import warnings
from pathlib import Path

import dagster as dg

from pipelines.home import resolve
from pipelines.resources import ClockResource, HomeResource, StoreResource


def build(home: Path) -> dg.Definitions:
    """Return the definitions that work on one home.

    Args:
        home: Absolute path; made by `pipelines.home.init`.
    """
    with warnings.catch_warnings():
        # One line an asset and process otherwise; backfill policies and partitioned checks are
        # features that the graph rests on by choice, and a test holds them.
        warnings.filterwarnings("ignore", category=dg.BetaWarning)
        warnings.filterwarnings("ignore", category=dg.PreviewWarning)
        from assets.backtests import backtests
        from assets.chaos import chaos
        from assets.evolution import evolution
        from assets.history import histories
        from assets.imports import imports
        from assets.markets import markets
        from assets.portfolios import calibration, portfolios
        from assets.quarantine import DOCUMENTS_CHECKS
        from assets.report import report
        from assets.strategies import strategies
        from assets.tournaments import tournaments
        from pipelines.alerts import alerts
        from pipelines.campaign_sensor import campaign_documents, evolution_documents
        from pipelines.jobs import JOBS
        from pipelines.nightly import NIGHTLY, verify_lake
        from pipelines.sensors import strategy_documents
        from pipelines.sequels import sequels

        return dg.Definitions(
            assets=[
                markets,
                strategies,
                backtests,
                portfolios,
                calibration,
                tournaments,
                histories,
                chaos,
                report,
                evolution,
                imports,
            ],
            asset_checks=DOCUMENTS_CHECKS,
            jobs=[*JOBS, verify_lake],
            schedules=[NIGHTLY],
            sensors=[
                strategy_documents,
                campaign_documents,
                evolution_documents,
                sequels,
                alerts,
            ],
            resources={
                "store": StoreResource(home=str(home)),
                "home": HomeResource(path=str(home)),
                "clock": ClockResource(),
            },
            executor=dg.in_process_executor,
        )


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions for the home that the environment names."""
    return build(resolve())
