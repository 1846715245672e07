"""Every statistic that a law may name, by its name."""

from __future__ import annotations

from typing import Final

from simcore.scenario.statistics import assets, hidden, history, moments, ranges, refit
from simcore.scenario.statistics.statistic import Statistic

STATISTICS: Final[dict[str, Statistic]] = {
    statistic.name: statistic
    for statistic in (
        Statistic(moments.mean),
        Statistic(moments.variance),
        Statistic(moments.skewness),
        Statistic(moments.kurtosis),
        Statistic(moments.forward),
        Statistic(moments.variance_ratio),
        Statistic(moments.acf),
        Statistic(moments.acf_squares),
        Statistic(moments.acf_abs),
        Statistic(moments.ljung_box, "p_value"),
        Statistic(moments.ljung_box_squares, "p_value"),
        Statistic(moments.level_mean),
        Statistic(moments.level_deviation),
        Statistic(moments.level_acf),
        Statistic(moments.hill),
        Statistic(ranges.parkinson_ratio),
        Statistic(ranges.rogers_satchell_ratio),
        Statistic(ranges.high_low_correlation),
        Statistic(hidden.jump_share),
        Statistic(hidden.jump_mean),
        Statistic(hidden.jump_variance),
        Statistic(hidden.gap_outside_jumps),
        Statistic(hidden.occupancy),
        Statistic(hidden.sojourn),
        Statistic(hidden.state_mean),
        Statistic(hidden.state_variance),
        Statistic(hidden.variance_mean),
        Statistic(hidden.log_variance_mean),
        Statistic(hidden.log_variance_deviation),
        Statistic(hidden.log_variance_acf),
        Statistic(hidden.leverage),
        Statistic(assets.asset_mean),
        Statistic(assets.asset_variance),
        Statistic(assets.correlation),
        Statistic(refit.garch_refit, "deviate"),
        Statistic(history.ks_to_source, "p_value"),
        Statistic(history.acf_to_source),
        Statistic(history.acf_abs_to_source),
        Statistic(history.acf_squares_to_source),
        Statistic(history.bars_from_source),
        Statistic(history.equals_source),
    )
}
