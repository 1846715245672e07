"""The report of a campaign: its tables as a page that a person reads.

The page lies in the table; a copy for the browser is put beside the lake, and its place told, and
with it the views for DuckDB.
"""

from collections.abc import Sequence
from pathlib import Path

from assets import plots
from assets.campaigns import campaign_assets
from simcore import steps
from simcore.campaign import Campaign
from simcore.lake import put_views
from simcore.report.material import OF_CAMPAIGN, OF_RUNS
from simcore.store import Partition, Store
from simcore.tables import TABLES


def _written(store: Store, campaign: Campaign, home: Path) -> Sequence[steps.Outcome]:
    outcomes = steps.report(store, campaign)
    page = steps.write_page(store, campaign.id, home / "reports" / f"{campaign.id}.html")
    put_views(store, home)
    place = Partition(campaign=campaign.id)
    verdicts = store.read(TABLES["verdicts"], place, ["verdict"])["verdict"].cast(str)
    said = {"verdict": ", ".join(sorted(set(verdicts))) or "nothing was judged", "report": page}
    return steps.with_facts(outcomes, {**said, **outcomes[0].facts})


report = campaign_assets(
    "report_page",
    steps.REPORT,
    _written,
    plots.report_page,
    description="Put the campaign's tables into words.",
    deps=[*OF_CAMPAIGN, *OF_RUNS],
    group="report",
    kinds={"python"},
)
