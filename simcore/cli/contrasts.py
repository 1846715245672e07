"""`proving compare`: runs side by side, the first differing decision before the metrics."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from simcore.cli.answer import Answer, Command, shown
from simcore.cli.runs import parse_execution

if TYPE_CHECKING:
    from simcore.contrast.contrast import Contrast
    from simcore.contrast.divergence import Difference


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="STRATEGY@SCENARIO[#PATH][@EXECUTION] is computed now; "
        "CAMPAIGN/STRATEGY/SCENARIO[/PATH] is read from the lake; CAMPAIGN[:SEED[:ARM]] is an arm "
        "of a campaign's chaos. Every run is compared with the first",
    )
    parser.add_argument(
        "--cash", type=float, default=10_000.0, help="initial cash of computed runs, quote currency"
    )


def _compare(arguments: argparse.Namespace, home: Path) -> Answer:
    from simcore.contrast.contrast import compare

    given = [text.split("@")[2] for text in arguments.runs if text.count("@") == 2]
    executions = {text: parse_execution(text) for text in given if "+" in text}
    made = compare(*arguments.runs, initial_cash=arguments.cash, executions=executions, home=home)
    runs = [made[0].first, *(each.second for each in made)]
    data = {
        "runs": [
            {
                "name": run.name,
                "kind": run.kind,
                **run.identity,
                "n_bars": run.n_bars,
                "flags": list(run.flags),
                "n_decisions": {level: len(course) for level, course in run.levels.items()},
            }
            for run in runs
        ],
        "contrasts": [each.as_json() for each in made],
    }
    text = "\n\n".join("\n".join(_lines(each)) for each in made)
    return Answer(text, data)


def _lines(contrast: Contrast) -> Iterator[str]:
    """One contrast for people."""
    for side, run in (("first", contrast.first), ("second", contrast.second)):
        courses = ", ".join(f"{len(course)} {level}s" for level, course in run.levels.items())
        bars = f", n = {run.n_bars} bars" if run.n_bars else ""
        yield f"{side:7} {run.name}: {courses}{bars}"
    if not contrast.are_same_bars:
        yield "the runs met other bars: whatever differs may be the market's doing"
    earliest = contrast.first_difference
    if earliest is None:
        yield "no decision, fill or close differs"
    else:
        yield "first differing " + "\n".join(_difference(earliest))
        for other in contrast.differences:
            if (other.bar, other.ts) != (earliest.bar, earliest.ts):
                yield "then " + "\n".join(_difference(other))
    yield from _metric_lines(contrast)


def _difference(found: Difference) -> Iterator[str]:
    at = "" if found.bar is None else f" at bar {found.bar}"
    yield f"{found.level}{at} ({_time(found.ts)}), after {found.n_alike} alike:"
    for name, side in found.sides():
        yield f"  {name:7} {'nothing' if side is None else _told(side)}"


def _told(side: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:.10g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in side.items()
        if value is not None
    )


def _time(ts: int) -> str:
    import numpy as np

    return str(np.datetime64(ts, "ns").astype("datetime64[us]")) + "Z"


def _metric_lines(contrast: Contrast) -> Iterator[str]:
    import polars as pl

    known = contrast.metrics.filter(
        pl.any_horizontal(pl.col("first", "second").is_not_null())
    ).with_columns(pl.col("first", "second", "difference").round_sig_figs(6))
    yield shown(known, rows=known.height)
    flags = [set(each.flags) for each in (contrast.first, contrast.second)]
    for name, own in (("first", flags[0] - flags[1]), ("second", flags[1] - flags[0])):
        if own:
            yield f"flags of the {name} alone: {' '.join(sorted(own))}"
    for each in contrast.paired:
        yield (
            f"{each.metric}, second less first: {each.difference:.4g} "
            f"[{each.lower:.4g}, {each.upper:.4g}] {each.unit} (95 %), p = {each.p_value:.3g}, "
            f"n = {each.n_bars} bars ({each.method})"
        )
    if contrast.unpaired:
        yield f"no interval of the difference: {contrast.unpaired}"


COMMANDS: Final = (
    Command("compare", "first differing decision of runs, then metrics", _arguments, _compare),
)
