"""`make bench`: every case in a process of its own, then one table of ratios."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys

from tests.bench.cases import CASES, SWEEP_BARS, YEAR_BARS

N_SETTINGS = 1_000


def measure() -> dict[str, dict[str, float]]:
    """Run every case and return its figures by name."""
    found = {}
    for name in CASES:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.cases", name],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        found[name] = json.loads(done.stdout)
    return found


def rows(found: dict[str, dict[str, float]]) -> list[tuple[str, str, str, str, str]]:
    """Return one row a figure: id, work, ours, peers as ratios, what is asked."""
    rows = [*_single_rows(found), *_sweep_rows(found), *_market_rows(found)]
    return [*rows, *_start_rows(found)]


def _single_rows(found: dict[str, dict[str, float]]) -> list[tuple[str, str, str, str, str]]:
    seconds = {name: figures.get("seconds", 0.0) for name, figures in found.items()}
    year, small = seconds["ours_year"], seconds["ours_1k"]
    vectorbt = min(seconds["vectorbt_numba_year"], seconds["vectorbt_rust_year"])
    return [
        (
            "F1",
            "one backtest, one year of minutes",
            f"{1e3 * year:.2f} ms ({1e9 * year / YEAR_BARS:.1f} ns/bar)",
            f"vectorbt {vectorbt / year:.1f}x our time; "
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
    ]


def main() -> None:
    """Measure everything and print the table."""
    found = measure()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("| id | work | ours | beside it | must |\n|---|---|---|---|---|")
    for row in rows(found):
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
