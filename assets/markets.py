"""The markets of a campaign: the bars of every scenario, and what they were made from."""

from collections.abc import Callable
from functools import cache

from assets import checks, plots
from assets.campaigns import campaign_assets
from simcore import samples, steps
from simcore.campaign import Campaign
from simcore.store import Partition, Store
from simcore.verification import verified_manifests


def _own_checks(
    store: Store, place: Partition, campaign: Callable[[], Campaign]
) -> checks.OwnChecks:
    """Return what finds out the checks that need more than the rows of a campaign's markets."""

    def accepted() -> checks.Finding:
        sources = {
            each.id: each.source.columns for each in campaign().scenarios if each.source is not None
        }
        return checks.acceptance(store, place, sources)

    def documents() -> list[str]:
        campaign()
        return []

    def mismatched() -> list[str]:
        return [each.message for each in verified_manifests(store, place)]

    again = cache(lambda: samples.resampled_markets(store, campaign()))
    return {
        ("scenarios", "acceptance"): accepted,
        ("scenarios", checks.DOCUMENT): checks.judged(checks.DOCUMENT, documents),
        ("bars", "manifest"): checks.judged("manifest", mismatched),
        **checks.recomputed(store, place, steps.MARKETS, again),
    }


markets = campaign_assets(
    "markets",
    steps.MARKETS,
    lambda store, campaign, _: steps.markets(store, campaign),
    plots.scenario_panels,
    description="Generate every scenario of the campaign.",
    group="markets",
    kinds={"rust"},
    own=_own_checks,
)
