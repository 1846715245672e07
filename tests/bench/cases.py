"""The measured cases: each runs alone in a process and prints its figures as JSON.

Times are medians of several calls after one call that nobody counts.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import agreement, returns, tournament

YEAR_BARS = 525_600
SWEEP_BARS = 50_000
RESAMPLED_BARS = 10_000
RESAMPLED_PATHS = 1_000
BLOCK_BARS = 20
BAR_MINUTE = {
    "version": "0.1.0",
    "id": "bench",
    "family": "trend",
    "timeframe": "1m",
    "seed": 1,
    "duration_bars": YEAR_BARS,
    "params": {"drift": 0.0, "sigma": 10.0},
    "volume_model": "const",
}
CROSS = """
version = "0.1.0"
id = "bench"
name = "Crossover"
timeframe = "1m"
[params]
fast = { value = 10, min = 2, max = 5000 }
slow = { value = 50, min = 3, max = 5000 }
[[rules]]
if = "crossover(ma(close, fast), ma(close, slow))"
then = "buy"
[[rules]]
if = "crossunder(ma(close, fast), ma(close, slow))"
then = "close"
[risk]
sizing = { type = "fixed_qty", qty = 1.0 }
max_daily_loss_pct = 100.0
[metadata]
"""
RISK = CROSS.replace(
    'sizing = { type = "fixed_qty", qty = 1.0 }',
    """sizing = { type = "risk_pct", value = 0.5 }
stop = { type = "atr", n = 14, mult = 3.0 }
trailing = { type = "atr", n = 14, mult = 4.0 }""",
)
TREND_YEAR = {**BAR_MINUTE, "volume_model": "lognormal"}
GARCH_YEAR = {
    **TREND_YEAR,
    "family": "vol_cluster",
    "params": {"omega": 5.0, "alpha": 0.1, "beta": 0.85},
}
COSTS = {"base": "honest_v1", "base_bps": 2.0, "k_vol": 0.0, "fee_bps": 5.0}
FAST = list(range(5, 45))
SLOW = list(range(50, 300, 10))


def median_seconds(call: Callable[[], object], repeats: int) -> float:
    """Return the median time of a call, after one that warms everything up."""
    call()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def peak_mib() -> float:
    """Return the highest resident memory of this process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _bars(n_bars: int) -> Any:
    import simcore

    return simcore.generate({**BAR_MINUTE, "duration_bars": n_bars})


def ours_single(n_bars: int, *, has_trades: bool = True) -> dict[str, float]:
    """Measure one backtest through the SDK: equity, first metrics and, if asked, the trades."""
    import simcore
    from simcore.backtests.metric_values import metric_names

    bars, strategy = _bars(n_bars), simcore.compile_strategy(CROSS)

    def call() -> object:
        result = simcore.backtest(strategy, bars, execution=COSTS)
        metrics = [result.metrics[name] for name in metric_names()]
        return result.equity, metrics, result.trades if has_trades else None

    seconds = median_seconds(call, 15 if n_bars > 100_000 else 300)
    return {"seconds": seconds, "peak_mib": peak_mib()}


def ours_sweep(n_threads: int) -> dict[str, float]:
    """Measure a sweep of 1,000 settings through the SDK."""
    import simcore

    bars, strategy = _bars(SWEEP_BARS), simcore.compile_strategy(CROSS)
    simcore.sweep(strategy, {"fast": FAST[:1], "slow": SLOW[:1]}, bars, execution=COSTS)
    idle = peak_mib()

    def call() -> object:
        return simcore.sweep(
            strategy, {"fast": FAST, "slow": SLOW}, bars, execution=COSTS, n_threads=n_threads
        )

    seconds = median_seconds(call, 5)
    return {"seconds": seconds, "peak_mib": peak_mib(), "over_idle_mib": peak_mib() - idle}


def _close(n_bars: int) -> Any:
    return np.ascontiguousarray(_bars(n_bars)["close"].to_numpy())


def numba_single(n_bars: int) -> dict[str, float]:
    """Measure the numba loop, and what its first call costs."""
    from tests.bench import peers

    close = _close(n_bars)
    started = time.perf_counter()
    peers.numba_loop(close, 10, 50)
    first = time.perf_counter() - started
    seconds = median_seconds(lambda: peers.numba_loop(close, 10, 50), 15)
    return {"seconds": seconds, "first_call_seconds": first, "peak_mib": peak_mib()}


def numba_sweep() -> dict[str, float]:
    """Measure the numba loop over the 1,000 settings, one thread."""
    from tests.bench import peers

    close = _close(SWEEP_BARS)
    pairs = [(fast, slow) for fast in FAST for slow in SLOW]
    return {"seconds": median_seconds(lambda: peers.numba_sweep(close, pairs), 3)}


def vectorbt_single(engine: str, n_bars: int) -> dict[str, float]:
    """Measure vectorbt with one of its engines."""
    from tests.bench import peers

    call = peers.vectorbt_run(_close(n_bars), 10, 50, engine)
    return {"seconds": median_seconds(call, 5), "peak_mib": peak_mib()}


def vectorbt_sweep(engine: str) -> dict[str, float]:
    """Measure vectorbt over the 1,000 settings in one broadcast."""
    from tests.bench import peers

    pairs = [(fast, slow) for fast in FAST for slow in SLOW]
    fast, slow = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    call = peers.vectorbt_run(_close(SWEEP_BARS), fast, slow, engine)
    call()
    started = time.perf_counter()
    call()
    return {"seconds": time.perf_counter() - started, "peak_mib": peak_mib()}


def frame(bars: Any) -> Any:
    """Return bars as the pandas frame that backtesting.py takes."""
    import pandas as pd

    names = {name: bars[name.lower()].to_numpy() for name in ("Open", "High", "Low", "Close")}
    index = pd.to_datetime(bars["ts"].to_numpy())
    return pd.DataFrame({**names, "Volume": bars["volume"].to_numpy()}, index=index)


def backtesting_single(n_bars: int) -> dict[str, float]:
    """Measure backtesting.py; one call, as it takes seconds."""
    from tests.bench import peers

    call = peers.backtesting_run(frame(_bars(n_bars)), 10, 50)
    started = time.perf_counter()
    call()
    return {"seconds": time.perf_counter() - started, "peak_mib": peak_mib()}


def ours_market(document: dict[str, Any]) -> dict[str, float]:
    """Measure the bars of a year through the SDK: extremes, checks and dataset hash included."""
    import simcore

    seconds = median_seconds(lambda: simcore.generate(document), 7)
    return {"seconds": seconds, "peak_mib": peak_mib()}


def numpy_market() -> dict[str, float]:
    """Measure a year of bars by hand in numpy, without extremes."""
    from tests.bench import peers

    return {"seconds": median_seconds(lambda: peers.numpy_bars(YEAR_BARS), 7)}


def arch_market() -> dict[str, float]:
    """Measure a year of GARCH(1,1) returns in arch; it makes no bars."""
    from tests.bench import peers

    return {"seconds": median_seconds(lambda: peers.arch_returns(YEAR_BARS), 3)}


def ours_risk() -> dict[str, float]:
    """Measure a strategy sized by risk, with a stop and a trailing stop by ATR, over a year."""
    import simcore
    from simcore.backtests.metric_values import metric_names

    bars, strategy = _bars(YEAR_BARS), simcore.compile_strategy(RISK)

    def call() -> object:
        result = simcore.backtest(strategy, bars, execution="honest_v1")
        metrics = [result.metrics[name] for name in metric_names()]
        return result.equity, metrics, result.trades

    return {"seconds": median_seconds(call, 15), "peak_mib": peak_mib()}


def _resampled() -> Any:
    """Returns of a market, to be resampled in blocks of twenty."""
    return np.diff(_bars(RESAMPLED_BARS + 1)["close"].to_numpy()) / _close(RESAMPLED_BARS)


def ours_bootstrap(n_threads: int) -> dict[str, float]:
    """Measure five scores of each path and their percentiles, through the SDK's own function."""
    from simcore.backtests.monte_carlo import resampled

    returns = _resampled()

    def call() -> object:
        return resampled(
            returns,
            bars_per_year=float(YEAR_BARS),
            n_paths=RESAMPLED_PATHS,
            block=BLOCK_BARS,
            n_threads=n_threads,
        ).rows()

    return {"seconds": median_seconds(call, 15)}


def arch_bootstrap() -> dict[str, float]:
    """Measure three scores of each path in arch, by numpy."""
    from tests.bench import peers

    returns = _resampled()
    seconds = median_seconds(lambda: peers.arch_bootstrap(returns, BLOCK_BARS, RESAMPLED_PATHS), 5)
    return {"seconds": seconds}


def _process_seconds(*command: str, repeats: int = 7, **environment: str) -> float:
    def call() -> None:
        subprocess.run(
            command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **environment}
        )

    return median_seconds(call, repeats)


def imports() -> dict[str, float]:
    """Measure starting the SDK and the command line, beside a bare interpreter and peers."""
    python, proving = sys.executable, str(Path(sys.executable).parent / "proving")
    return {
        "python": _process_seconds(python, "-c", "pass"),
        "import_simcore": _process_seconds(python, "-c", "import simcore"),
        "proving_help": _process_seconds(proving, "--help"),
        "import_vectorbt": _process_seconds(python, "-c", "import vectorbt", repeats=3),
    }


def light_campaign() -> dict[str, float]:
    """Measure the light campaign from documents to verdict, then again with nothing changed."""
    proving = str(Path(sys.executable).parent / "proving")
    with tempfile.TemporaryDirectory() as folder:
        times = []
        for _ in range(2):
            started = time.perf_counter()
            subprocess.run(
                [proving, "run", "c1-light", "--home", folder],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            times.append(time.perf_counter() - started)
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {"seconds": times[0], "again_seconds": times[1], "peak_mib": children}


CASES: dict[str, Callable[[], dict[str, float]]] = {
    "ours_year": lambda: ours_single(YEAR_BARS),
    "ours_1k": lambda: ours_single(1_000, has_trades=False),
    "ours_1k_trades": lambda: ours_single(1_000),
    "ours_sweep_1": lambda: ours_sweep(1),
    "ours_sweep_2": lambda: ours_sweep(2),
    "numba_year": lambda: numba_single(YEAR_BARS),
    "numba_1k": lambda: numba_single(1_000),
    "numba_sweep": numba_sweep,
    "vectorbt_numba_year": lambda: vectorbt_single("numba", YEAR_BARS),
    "vectorbt_rust_year": lambda: vectorbt_single("rust", YEAR_BARS),
    "vectorbt_rust_1k": lambda: vectorbt_single("rust", 1_000),
    "vectorbt_rust_sweep": lambda: vectorbt_sweep("rust"),
    "backtesting_year": lambda: backtesting_single(YEAR_BARS),
    "ours_risk_year": ours_risk,
    "same_equity": agreement.same_equity,
    "ours_seven": lambda: returns.ours_metrics(returns.SEVEN),
    "ours_catalogue": lambda: returns.ours_metrics(None),
    "empyrical_seven": returns.empyrical_metrics,
    "quantstats_seven": returns.quantstats_metrics,
    "ours_trend_year": lambda: ours_market(TREND_YEAR),
    "ours_garch_year": lambda: ours_market(GARCH_YEAR),
    "numpy_market_year": numpy_market,
    "arch_market_year": arch_market,
    "ours_bootstrap_1": lambda: ours_bootstrap(1),
    "ours_bootstrap_2": lambda: ours_bootstrap(2),
    "arch_bootstrap": arch_bootstrap,
    "imports": imports,
    "light_campaign": light_campaign,
    "ours_tournament": tournament.ours_tournament,
}


def main() -> None:
    """Run the case that the command line names and print its figures."""
    print(json.dumps(CASES[sys.argv[1]]()))


if __name__ == "__main__":
    main()
