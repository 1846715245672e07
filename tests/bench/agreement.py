"""Whether others come to the same equity: same signals, one unit, the next open, no costs."""

from __future__ import annotations

import numpy as np

N_BARS = 20_000


def same_equity() -> dict[str, float]:
    """Return the largest difference between our equity and that of each peer, quote currency."""
    import simcore
    from tests.bench import peers
    from tests.bench.cases import BAR_MINUTE, CROSS, frame

    bars = simcore.generate({**BAR_MINUTE, "duration_bars": N_BARS})
    free = {"base": "honest_v1", "base_bps": 0.0, "k_vol": 0.0, "fee_bps": 0.0}
    mine = simcore.backtest(simcore.compile_strategy(CROSS), bars, execution=free)
    rows = frame(bars)
    buys, closes = peers.crossings(rows["Close"].to_numpy(), 10, 50)
    theirs, n_trades = peers.signals_run(rows, buys, closes, fee=0.0)
    equity = mine.equity.to_numpy()
    found = {
        "backtesting": theirs,
        "vectorbt_numba": peers.vectorbt_signals(rows, buys, closes, "numba"),
        "vectorbt_rust": peers.vectorbt_signals(rows, buys, closes, "rust"),
    }
    gaps = {name: float(np.abs(equity - other).max()) for name, other in found.items()}
    return {**gaps, "n_trades": float(mine.metrics["n_trades"] or 0), "their_trades": n_trades}
