"""`make bench`: every case in a process of its own, then one table of ratios."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import sys
from collections import defaultdict

from tests.bench.cases import CASES, SWEEP_BARS, YEAR_BARS

N_SETTINGS = 1_000


def measure() -> tuple[dict[str, dict[str, float]], list[str]]:
    """Run every case; return its figures by name, and the names of those that failed."""
    found: dict[str, dict[str, float]] = {}
    failed: list[str] = []
    for name in CASES:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.cases", name],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            print(done.stderr, file=sys.stderr)
            failed.append(name)
        # A case that fails leaves a hole in its row, and the rest is measured.
        lines = done.stdout.splitlines()
        found[name] = {} if done.returncode else json.loads(lines[-1])
    return found, failed


def rows(found: dict[str, dict[str, float]]) -> list[tuple[str, str, str, str, str]]:
    """Return one row a figure: id, work, ours, peers as ratios, what is asked."""
    # What a case that failed would have said is no number, and prints as such.
    found = {name: defaultdict(lambda: math.nan, figures) for name, figures in found.items()}
    rows = [*_single_rows(found), *_sweep_rows(found), *_risk_rows(found)]
    rows += [*_market_rows(found), *_returns_rows(found), *_start_rows(found)]
    return [*rows, *_agreement_rows(found)]


def _single_rows(found: dict[str, dict[str, float]]) -> list[tuple[str, str, str, str, str]]:
    seconds = {name: figures["seconds"] for name, figures in found.items()}
    year, small = seconds["ours_year"], seconds["ours_1k"]
    vectorbt = min(seconds["vectorbt_numba_year"], seconds["vectorbt_rust_year"])
    return [
        (
            "F1",
            "one backtest, one year of minutes",
            f"{1e3 * year:.2f} ms ({1e9 * year / YEAR_BARS:.1f} ns/bar)",
            f"vectorbt {vectorbt / year:.1f}x our time (numba "
            f"{1e3 * seconds['vectorbt_numba_year']:.0f} ms, rust "
            f"{1e3 * seconds['vectorbt_rust_year']:.0f} ms); "
            f"backtesting.py {seconds['backtesting_year'] / year:.0f}x; "
            f"ours {year / seconds['numba_year']:.2f}x numba's",
            ">= 10x vectorbt; <= 3x numba",
        ),
        (
            "F2",
            "one backtest, 1,000 bars (and its trades as a frame)",
            f"{1e6 * small:.0f} us ({1e6 * seconds['ours_1k_trades']:.0f} us)",
            f"vectorbt {seconds['vectorbt_rust_1k'] / small:.0f}x our time; "
            f"numba {1e6 * seconds['numba_1k']:.0f} us",
            "<= 200 us",
        ),
    ]


def _sweep_rows(found: dict[str, dict[str, float]]) -> list[tuple[str, str, str, str, str]]:
    sweep, both = found["ours_sweep_1"]["seconds"], found["ours_sweep_2"]["seconds"]
    vectorbt = found["vectorbt_rust_sweep"]
    return [
        (
            "F3",
            "sweep of 1,000 settings, 50,000 bars, one thread",
            f"{1e3 * sweep:.0f} ms ({1e9 * sweep / (N_SETTINGS * SWEEP_BARS):.2f} ns/setting-bar)",
            f"vectorbt {vectorbt['seconds'] / sweep:.0f}x our time; "
            f"ours {sweep / found['numba_sweep']['seconds']:.2f}x numba's",
            ">= 100x vectorbt; <= 1x numba",
        ),
        (
            "F3",
            "the same, memory over the idle process",
            f"{found['ours_sweep_1']['over_idle_mib']:.0f} MiB",
            f"vectorbt {vectorbt['peak_mib']:.0f} MiB in all",
            "<= 100 MB",
        ),
        (
            "F3",
            "the same on two threads",
            f"{1e3 * both:.0f} ms",
            f"{sweep / both:.2f}x one thread",
            ">= 1.7x",
        ),
    ]


def _risk_rows(found: dict[str, dict[str, float]]) -> list[tuple[str, str, str, str, str]]:
    year = found["ours_risk_year"]["seconds"]
    work = "one backtest sized by risk, stop and trailing stop by ATR, one year"
    return [
        (
            "F4",
            work,
            f"{1e3 * year:.2f} ms ({1e9 * year / YEAR_BARS:.1f} ns/bar)",
            "",
            "<= 25 ns/bar",
        )
    ]


def _returns_rows(found: dict[str, dict[str, float]]) -> list[tuple[str, str, str, str, str]]:
    seconds = {name: figures["seconds"] for name, figures in found.items()}
    seven, every, paths = (
        seconds[f"ours_{name}"] for name in ("seven", "catalogue", "bootstrap_1")
    )
    return [
        (
            "F7",
            "seven metrics of a year of returns",
            f"{1e3 * seven:.2f} ms ({1e9 * seven / YEAR_BARS:.1f} ns/bar)",
            f"empyrical {seconds['empyrical_seven'] / seven:.0f}x our time; "
            f"quantstats {seconds['quantstats_seven'] / seven:.0f}x",
            ">= 10x empyrical",
        ),
        (
            "F7",
            "every metric of the same",
            f"{1e3 * every:.1f} ms ({1e9 * every / YEAR_BARS:.1f} ns/bar)",
            "",
            "<= 60 ns/bar",
        ),
        (
            "F8",
            "bootstrap of 1,000 paths of 10,000 returns",
            f"{1e3 * paths:.1f} ms",
            f"arch {seconds['arch_bootstrap'] / paths:.1f}x our time; "
            f"two threads {paths / seconds['ours_bootstrap_2']:.2f}x one",
            ">= 4x arch",
        ),
    ]


def _agreement_rows(found: dict[str, dict[str, float]]) -> list[tuple[str, str, str, str, str]]:
    same = found["same_equity"]
    peers = ("backtesting", "vectorbt_numba", "vectorbt_rust")
    gaps = "; ".join(f"{name} {same[name]:.3g}" for name in peers)
    work = "largest gap in equity on the same signals, no costs, next open"
    return [("C.8", work, f"{same['n_trades']:.0f} trades", gaps, "0")]


def _market_rows(found: dict[str, dict[str, float]]) -> list[tuple[str, str, str, str, str]]:
    trend, garch = found["ours_trend_year"]["seconds"], found["ours_garch_year"]["seconds"]
    by_hand = found["numpy_market_year"]["seconds"]
    return [
        (
            "F5",
            "generate a trend, one year of minutes with bridge extremes",
            f"{1e3 * trend:.0f} ms ({1e9 * trend / YEAR_BARS:.0f} ns/bar)",
            f"ours {trend / by_hand:.2f}x numpy's without extremes "
            f"({1e9 * by_hand / YEAR_BARS:.0f} ns/bar)",
            "<= 4x numpy",
        ),
        (
            "F6",
            "generate a GARCH market, the same",
            f"{1e3 * garch:.0f} ms ({1e9 * garch / YEAR_BARS:.0f} ns/bar)",
            f"arch's returns alone {found['arch_market_year']['seconds'] / garch:.1f}x our time",
            ">= 4x faster than arch",
        ),
    ]


def _start_rows(found: dict[str, dict[str, float]]) -> list[tuple[str, str, str, str, str]]:
    starts, light = found["imports"], found["light_campaign"]
    return [
        (
            "F10",
            "import simcore",
            f"{1e3 * starts['import_simcore']:.0f} ms",
            f"bare python {1e3 * starts['python']:.0f} ms; "
            f"vectorbt {1e3 * starts['import_vectorbt']:.0f} ms",
            "<= 500 ms",
        ),
        ("F10", "proving --help", f"{1e3 * starts['proving_help']:.0f} ms", "", "<= 500 ms"),
        (
            "F11",
            "light campaign, documents to verdict",
            f"{light['seconds']:.1f} s",
            f"again with nothing changed {light['again_seconds']:.1f} s; "
            f"peak {light['peak_mib']:.0f} MiB",
            "<= 120 s",
        ),
        _tournament_row(found["ours_tournament"]),
    ]


def _tournament_row(figures: dict[str, float]) -> tuple[str, str, str, str, str]:
    return (
        "F.4",
        "tournament of 100 entries, 200 scenarios of 1,000 bars, documents to standings",
        f"{figures['seconds']:.1f} s",
        f"{figures['games']:,.0f} games; each entry run twice a scenario, once under stress",
        "<= 60 s",
    )


def main() -> None:
    """Measure everything and print the table."""
    found, failed = measure()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("| id | work | ours | beside it | must |\n|---|---|---|---|---|")
    for row in rows(found):
        print("| " + " | ".join(row) + " |")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
