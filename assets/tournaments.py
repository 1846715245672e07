"""The tournaments of a campaign: every game, and the standings with their uncertainty."""

from assets import tournament_plots
from assets.campaigns import campaign_assets
from simcore import steps

tournaments = campaign_assets(
    "tournaments",
    steps.TOURNAMENTS,
    lambda store, campaign, _: steps.tournaments(store, campaign),
    tournament_plots.tournament_page,
    description="Play every tournament of the campaign over the runs that are there.",
    deps=["scenarios", "bars", "backtests", "trials"],
    group="tournaments",
    kinds={"python", "rust"},
)
