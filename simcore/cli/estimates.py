"""`proving estimate`: what a campaign will take, before it runs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from simcore.cli.answer import Answer, Command

if TYPE_CHECKING:
    from simcore.estimate import Estimate


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("campaign", help="id or path of a campaign")


def _estimate(arguments: argparse.Namespace, home: Path) -> Answer:
    from dataclasses import asdict

    from simcore.campaign import load
    from simcore.estimate import estimate

    campaign = load(arguments.campaign, home=home)
    # Whoever reads the command line has the clock.
    found = estimate(campaign, getattr(arguments, "clock", None))
    return Answer("\n".join(_lines(found)), asdict(found))


def _lines(found: Estimate) -> Iterator[str]:
    counts = found.counts
    yield f"{found.campaign}, counted:"
    yield f"  bars         {counts.bars:,} of {counts.scenarios} scenarios"
    yield f"  backtests    {counts.backtests:,} of {counts.strategies} strategies"
    yield f"  run bars     {counts.run_bars:,}"
    if counts.arenas:
        yield f"  arenas       {counts.arenas:,}"
    yield f"  equity rows  {counts.equity_rows:,}"
    yield f"  chaos        {counts.arm_days:,} days, over all seeds and arms"
    yield f"  partitions   {counts.partitions:,}"
    low, high = (found.bytes / found.bytes_factor, found.bytes * found.bytes_factor)
    yield f"bytes    about {_size(found.bytes)}, {_size(low)} to {_size(high)}"
    if found.seconds is None or found.probe_seconds is None:
        return
    low, high = (found.seconds / found.seconds_factor, found.seconds * found.seconds_factor)
    yield (
        f"seconds  about {found.seconds:.0f}, {low:.0f} to {high:.0f}, "
        f"from a probe of {found.probe_seconds:.1f} s on this machine as busy as it is now"
    )
    for name, seconds in sorted(found.seconds_by_step.items(), key=lambda each: -each[1]):
        yield f"  {name:12} {seconds:.1f}"


def _size(n_bytes: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1_000.0:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1_000.0
    return f"{n_bytes:.3g} TB"


COMMANDS: Final = (
    Command("estimate", "bars, backtests, seconds and bytes before running", _arguments, _estimate),
)
