"""The commands that need no Dagster: each takes parsed arguments and a home, and gives an answer.

Printing, the clock and the environment belong to `pipelines.cli`.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcore.errors import LimitError, SpecError
from simcore.problems import Hint, Problem

if TYPE_CHECKING:
    import polars as pl

    from simcore.scenario.document import Scenario
    from simcore.strategy.strategy import Strategy


@dataclass(frozen=True)
class Answer:
    """What a command found.

    Args:
        text: For people.
        data: For programs, as JSON.
        exit_code: 0 ok, 2 a document is wrong, 10 to 13 chaos results.
    """

    text: str
    data: Any
    exit_code: int = 0


@dataclass(frozen=True)
class Command:
    """One command: its name, its line of help, its arguments and what it does."""

    name: str
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Path], Answer]


def _no_arguments(parser: argparse.ArgumentParser) -> None:
    pass


def _table(frame: pl.DataFrame, rows: int = 40) -> str:
    import polars as pl

    with pl.Config(
        tbl_rows=rows,
        tbl_cols=-1,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_width_chars=160,
        fmt_str_lengths=48,
    ):
        return str(frame)


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return frame.to_dicts()


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """Give a file to write that takes the place of `path` once it is whole."""
    if path.exists() and not path.is_file():
        message = f"got {path}, which is no regular file, expected the name of a file to write"
        raise SpecError([Problem("ARGUMENT", "FILE_UNWRITABLE", message, source="--out")])
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _write(frame: pl.DataFrame, path: Path) -> None:
    """Write a file that is whole or absent."""
    with _draft(path) as draft:
        frame.write_parquet(draft, compression="zstd")


def _met(
    arguments: argparse.Namespace, home: Path
) -> tuple[Strategy, pl.DataFrame, dict[str, Any]]:
    """The strategy and the scenario that a command names: program, bars and manifest."""
    from simcore.scenario.document import load
    from simcore.scenario.manifest import generate_with_manifest
    from simcore.strategy.strategy import compile_strategy

    strategy = compile_strategy(arguments.strategy, home=home)
    bars, manifest = generate_with_manifest(load(arguments.scenario, home=home))
    if strategy.timeframe != manifest["timeframe"]:
        message = f"got bars of {manifest['timeframe']}, expected those of {strategy.timeframe}"
        place = f"{strategy.id} on {manifest['scenario_id']}"
        raise SpecError([Problem("ARGUMENT", "OTHER_TIMEFRAME", message, source=place)])
    return strategy, bars, manifest


def _catalogue(_: argparse.Namespace, __: Path) -> Answer:
    from simcore.inventory import catalogue

    found = catalogue()
    lines = [
        f"{kind:16} {', '.join(member['name'] for member in members)}"
        for kind, members in found.items()
    ]
    return Answer("\n".join(lines), found)


def _generate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", help="id, path or text of a scenario")
    parser.add_argument("--out", type=Path, metavar="F.parquet", help="write the bars there")


def _generate(arguments: argparse.Namespace, home: Path) -> Answer:
    from simcore.scenario.document import load
    from simcore.scenario.manifest import whole_manifest

    scenario = load(arguments.scenario, home=home)
    if arguments.out is None:
        frame, manifest = whole_manifest(scenario)
        end = _table(frame.head(5))
    else:
        manifest = _generate_into(arguments.out, scenario)
        end = f"bars written to {arguments.out}"
    unlisted = ("document", "truth", "stylised")
    lines = [f"{name:18} {value}" for name, value in manifest.items() if name not in unlisted]
    lines += [f"{'truth ' + name:18} {value}" for name, value in manifest["truth"].items()]
    if "stylised" in manifest:
        lines += ["stylised facts", *(f"  {_fact(row)}" for row in manifest["stylised"])]
    return Answer("\n".join([*lines, end]), manifest)


def _generate_into(path: Path, scenario: Scenario) -> dict[str, Any]:
    """Write the bars of a scenario and return its manifest; the columns are held once.

    The card of stylised facts is left out: it would need several times their memory.
    """
    from simcore import parquet
    from simcore.scenario.generate import columns_with_facts
    from simcore.scenario.manifest import manifest, truth
    from simcore.tables.markets import BARS

    columns, facts = columns_with_facts(scenario)
    with _draft(path) as draft, draft.open("wb") as handle:
        parquet.write_columns(BARS, columns, handle)
    row = manifest(scenario, facts)
    return {**row, "truth": truth(scenario, row)}


def _fact(row: dict[str, Any]) -> str:
    """Return one stylised fact as a line: what was found, what its family leads to expect."""
    found = {True: "shown", False: "absent", None: "open"}[row["passes"]]
    wanted = {True: "shown", False: "absent", None: "either"}[row["expected"]]
    verdict = "" if row["as_expected"] is not False else "  NOT AS EXPECTED"
    if row["estimate"] is None:
        return f"{row['fact']:26} {found:7} expected {wanted}{verdict}"
    interval = f"{row['estimate']:.4g} ({row['low']:.4g} to {row['high']:.4g})"
    return f"{row['fact']:26} {found:7} expected {wanted:7} {interval}{verdict}"


def _check_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("documents", nargs="+", metavar="DOC", help="ids or paths of documents")
    parser.add_argument(
        "--fix",
        action="store_true",
        help="apply the first fix of each error, as often as that helps, and write the file",
    )
    parser.add_argument(
        "--no-selftest",
        action="store_true",
        help="do not measure on a large sample whether a scenario obeys the laws of its family",
    )
    parser.add_argument(
        "--against",
        metavar="REPLAY",
        help="a scenario of real bars: how far from them the scenarios are",
    )


def _check(arguments: argparse.Namespace, home: Path) -> Answer:
    from simcore import examination

    # Whoever prints the answer has found whether it is for a terminal with colours.
    is_coloured = bool(getattr(arguments, "is_coloured", False))
    if arguments.fix:
        found = examination.mend(arguments.documents, home, is_coloured=is_coloured)
    else:
        found = examination.examine(
            arguments.documents,
            home,
            is_coloured=is_coloured,
            measures_laws=not arguments.no_selftest,
            against=arguments.against,
        )
    return Answer(found.text, found.data, exit_code=found.exit_code)


def _backtest_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("strategy", help="id or path of a strategy")
    parser.add_argument("scenario", help="id or path of a scenario with one path")
    parser.add_argument("--execution", default="honest_v1", help="execution profile")
    parser.add_argument("--cash", type=float, default=10_000.0, help="initial cash, quote currency")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write trades and equity there")


def _backtest(arguments: argparse.Namespace, home: Path) -> Answer:
    from simcore.backtests.run import backtest

    strategy, bars, manifest = _met(arguments, home)
    result = backtest(
        strategy,
        bars,
        execution=arguments.execution,
        initial_cash=arguments.cash,
        bars_per_year=manifest["A"],
        home=home,
    )
    metrics = dict(result.metrics)
    lines = [f"{name:18} {'null' if value is None else value}" for name, value in metrics.items()]
    lines.append(f"{'flags':18} {' '.join(result.flags) or '-'}")
    lines.append(f"{'signature':18} {result.signature}")
    lines.append(f"{'used_cache':18} {result.used_cache}")
    if arguments.out is not None:
        import polars as pl

        equity = pl.DataFrame({"ts": bars["ts"], "equity_quote": result.equity})
        _write(result.trades, arguments.out / "trades.parquet")
        _write(equity, arguments.out / "equity.parquet")
        lines.append(f"trades and equity written to {arguments.out}")
    data = {
        "metrics": metrics,
        "flags": list(result.flags),
        "signature": result.signature,
        "used_cache": result.used_cache,
    }
    return Answer("\n".join(lines), data)


def _sweep_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("strategy", help="id or path of a strategy")
    parser.add_argument("scenario", help="id or path of a scenario with one path")
    parser.add_argument(
        "--grid",
        action="append",
        required=True,
        metavar="NAME=a:b:s",
        help="values of one parameter, b included; repeat for more parameters",
    )
    parser.add_argument("--execution", default="honest_v1", help="execution profile")
    parser.add_argument("--out", type=Path, metavar="F.parquet", help="write the surface there")


def parse_grid(texts: list[str]) -> dict[str, list[float]]:
    """Read ``name=a:b:s`` (b included) or ``name=v,w,…`` into values by parameter.

    Raises:
        SpecError: A text is of neither form, or a name stands twice.
        LimitError: More values than a sweep may have settings.
    """
    grid: dict[str, list[float]] = {}
    for text in texts:
        name, _, values = text.partition("=")
        if name in grid:
            raise _grid_error(f"got {name!r} twice, expected each name once")
        try:
            numbers = [_number(part) for part in values.split(":" if ":" in values else ",")]
            grid[name] = _steps(*numbers) if ":" in values else numbers
        except (TypeError, ValueError, ZeroDivisionError):
            message = f"got {text!r}, expected name=first:last:step or name=v,w"
            raise _grid_error(message) from None
    return grid


def _grid_error(message: str) -> SpecError:
    return SpecError([Problem("ARGUMENT", "GRID", message, source="--grid")])


def _steps(first: float, last: float, step: float) -> list[float]:
    from simcore.backtests.sweep import MAX_SETTINGS

    count = max(int((last - first) / step + 1e-9) + 1, 0)
    if count > MAX_SETTINGS:
        message = f"--grid: got {count} values, expected at most {MAX_SETTINGS}"
        raise LimitError("TOO_LARGE", message)
    return [first + index * step for index in range(count)]


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return int(value) if value.is_integer() else value


def _sweep(arguments: argparse.Namespace, home: Path) -> Answer:
    from simcore.backtests.sweep import sweep

    grid = parse_grid(arguments.grid)
    strategy, bars, manifest = _met(arguments, home)
    frame = sweep(
        strategy, grid, bars, execution=arguments.execution, bars_per_year=manifest["A"], home=home
    )
    if arguments.out is not None:
        _write(frame, arguments.out)
    return Answer(_table(frame), _rows(frame))


def _tournament_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("document", help="id or path of a tournament")


def _tournament(arguments: argparse.Namespace, home: Path) -> Answer:
    from simcore.tournaments.play import tournament

    played = tournament(arguments.document, home=home)
    shown = played.standings.select(
        "rank",
        "rank_lo",
        "rank_hi",
        "name",
        "score_mean",
        "score_ci_lo",
        "score_ci_hi",
        "wins",
        "draws",
        "losses",
        "elo_bt",
        "elo_lo",
        "elo_hi",
        "flags",
    )
    return Answer(
        _table(shown), {"standings": _rows(played.standings), "manifest": played.manifest}
    )


def _chaos_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("campaign", help="id or path of a campaign")
    parser.add_argument(
        "--seed",
        type=int,
        help="seed of the run, as the tables show it: giving it reproduces that run; "
        "default: derived from the campaign's",
    )


def _chaos(arguments: argparse.Namespace, home: Path) -> Answer:
    from simcore.chaos.campaign import chaos_run
    from simcore.chaos.verdict import exit_code

    run = chaos_run(arguments.campaign, seed=arguments.seed, home=home)
    oracles = run.tables["chaos_oracle_results"]
    lines = [
        f"result  {run.report['result']}",
        f"verdict {run.verdict}",
        f"root    {run.root}",
        _table(oracles.select("arm", "oracle", "antecedents", "violations", "verdict")),
        f"not shown: {', '.join(run.report['not_shown'])}",
    ]
    return Answer("\n".join(lines), run.report, exit_code=exit_code(run.report))


def _verify_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("campaign", nargs="?", help="id of a campaign; default: the whole lake")


def _verify(arguments: argparse.Namespace, home: Path) -> Answer:
    from simcore.verification import verify

    findings = verify(home, campaign=arguments.campaign)
    bad = [finding for finding in findings if not finding.is_sound]
    lines = [f"{finding.path}: {finding.message}" for finding in bad]
    lines.append(f"{len(findings) - len(bad)} of {len(findings)} partitions verified")
    data = [
        {"path": str(finding.path), "is_sound": finding.is_sound, "message": finding.message}
        for finding in findings
    ]
    return Answer("\n".join(lines), data, exit_code=13 if bad else 0)


def _tables_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="one table; default: all")


def _tables(arguments: argparse.Namespace, _: Path) -> Answer:
    from simcore.tables import TABLES
    from simcore.tables.dictionary import entry, page

    if arguments.name is not None and arguments.name not in TABLES:
        from simcore.documents import nearest

        near = nearest(arguments.name, TABLES)
        raise SpecError(
            [
                Problem(
                    "ARGUMENT",
                    "UNKNOWN_ID",
                    f"got table {arguments.name!r}, which is not known",
                    source="tables",
                    hints=(Hint(f"did you mean {near}?"),) if near else (),
                )
            ]
        )
    names = [arguments.name] if arguments.name else list(TABLES)
    data = {name: entry(TABLES[name]) for name in names}
    return Answer("\n\n".join(page(TABLES[name]) for name in names), data)


COMMANDS: tuple[Command, ...] = (
    Command("catalogue", "what there is to choose from", _no_arguments, _catalogue),
    Command("generate", "a market from a document and a seed", _generate_arguments, _generate),
    Command("check", "problems of documents, with place and hints", _check_arguments, _check),
    Command("backtest", "one strategy on one scenario", _backtest_arguments, _backtest),
    Command("sweep", "many parameter settings on one scenario", _sweep_arguments, _sweep),
    Command("tournament", "standings with their uncertainty", _tournament_arguments, _tournament),
    Command("chaos", "shake the paper-trading stack, judge it", _chaos_arguments, _chaos),
    Command("verify", "recompute hashes and log chains of the lake", _verify_arguments, _verify),
    Command("tables", "the data dictionary", _tables_arguments, _tables),
)
