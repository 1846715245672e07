"""The portfolio of a campaign's strategies, and how often the gate would err at its costs."""

from assets import evidence_plots
from assets.campaigns import campaign_assets
from simcore import steps

portfolios = campaign_assets(
    "allocations",
    steps.PORTFOLIOS,
    lambda store, campaign, _: steps.allocations(store, campaign),
    evidence_plots.weights,
    description="Share out money between the campaign's strategies.",
    deps=["equity"],
    group="portfolios",
    kinds={"python"},
)

calibration = campaign_assets(
    "calibrations",
    steps.CALIBRATION,
    lambda store, campaign, _: steps.calibrations(store, campaign),
    evidence_plots.error_rates,
    description="Play placebo and power tournaments at the campaign's costs.",
    group="calibration",
    kinds={"python", "rust"},
)
