"""The statistic of a model fitted anew to its own bars, by a library that knows nothing of us."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from simcore import engine
from simcore.scenario.statistics.sample import UNDEFINED, Estimate, Sample

BARS_MAX: Final = 100_000
# Log price that the drift may cover; far from where the engine refuses to go.
_DISTANCE_MAX: Final = 20.0
_BPS: Final = 1e-4


def garch_refit(
    sample: Sample, omega: float, alpha: float, beta: float, mu: float, gamma: float | None = None
) -> Estimate:
    """Return the largest distance of a refitted parameter from the true one, in standard errors.

    The bars of a sample come from many short paths; a fit needs one long path, which is made here
    from the same document.

    Args:
        sample: Names the document.
        omega: Constant of the variance, bps².
        alpha: Weight of the last squared shock.
        beta: Weight of the last variance.
        mu: Mean of a bar, bps.
        gamma: Further weight of a squared shock below 0; None for a symmetric model.

    Source:
        Bollerslev (1986); Glosten, Jagannathan and Runkle (1993); Bollerslev and Wooldridge
        (1992) for the standard errors.
    """
    from arch.univariate import GARCH, ConstantMean

    n_bars = int(min(BARS_MAX, _DISTANCE_MAX / max(abs(mu) * _BPS, 1e-12)))
    document = {**sample.document, "paths": 1, "duration_bars": n_bars}
    market: dict[str, Any] = engine.generate(document, None).columns
    shocks = np.diff(np.log(market["close"])) / _BPS
    # In units of the deviation, where the library's search begins well.
    scale = float(shocks.std())
    asymmetry = 0 if gamma is None else 1
    model = ConstantMean(shocks / scale, volatility=GARCH(p=1, o=asymmetry, q=1))
    fitted = model.fit(disp="off", show_warning=False)
    if fitted.convergence_flag != 0:
        return UNDEFINED
    between = [] if gamma is None else [gamma]
    truth = np.array([mu / scale, omega / scale**2, alpha, *between, beta])
    distance = (fitted.params.to_numpy() - truth) / fitted.std_err.to_numpy()
    return Estimate(float(np.max(np.abs(distance))))
