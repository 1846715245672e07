"""The chaos campaign: the paper-trading stack's tables, the oracles' findings, the verdict."""

from collections.abc import Callable
from functools import partial

from assets import checks, plots
from assets.campaigns import campaign_assets
from simcore import samples, steps
from simcore.campaign import Campaign
from simcore.store import Partition, Store
from simcore.verification import verified_logs


def _own_checks(store: Store, place: Partition, _: Callable[[], Campaign]) -> checks.OwnChecks:
    """Return what holds the logs against their anchors, and the books against the exchange."""

    def broken(name: str) -> list[str]:
        return [each.message for each in verified_logs(store, place, name)]

    return {
        **{
            (name, "chain"): checks.judged("chain", partial(broken, name))
            for name in ("chaos_events", "chaos_xlog")
        },
        **{
            (name, "ledger"): checks.judged("ledger", partial(find, store, place))
            for name, find in samples.CHAOS_LEDGERS.items()
        },
    }


chaos = campaign_assets(
    "chaos",
    steps.CHAOS,
    lambda store, campaign, _: steps.chaos(store, campaign),
    plots.chaos_timeline,
    description="Run the stack in its three arms and judge what happened.",
    group="chaos",
    kinds={"rust"},
    own=_own_checks,
)
