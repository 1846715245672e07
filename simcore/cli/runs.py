"""Commands that run strategies on a scenario: one setting, or many."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from simcore.cli.answer import Answer, Command, rows, shown, write
from simcore.errors import LimitError, SpecError
from simcore.problems import Problem

if TYPE_CHECKING:
    import polars as pl

    from simcore.strategy.strategy import Strategy

# Settings that a person sees at either end of a sweep.
N_SHOWN: Final = 5


def _met(
    arguments: argparse.Namespace, home: Path
) -> tuple[Strategy, pl.DataFrame, dict[str, Any]]:
    """The strategy and the path that a command names: program, bars and manifest."""
    from simcore.backtests.meeting import met

    named = arguments.strategy, arguments.scenario, arguments.path
    return met(*named, home=home, path_argument="--path")


def parse_execution(text: str) -> str | dict[str, Any]:
    """Read ``profile`` or ``profile+field=value+field=value`` into an execution.

    Raises:
        SpecError: A field has no value, or stands twice. What fields there are is not checked
            here.
    """
    base, *overrides = text.split("+")
    if not overrides:
        return base
    fields: dict[str, Any] = {"base": base}
    for override in overrides:
        name, is_given, value = override.partition("=")
        if not (name and is_given and value) or name in fields:
            message = f"got {override!r}, expected field=value, each field once"
            raise SpecError([Problem("ARGUMENT", "EXECUTION", message, source="--execution")])
        try:
            fields[name] = int(value) if value.lstrip("-").isdecimal() else float(value)
        except ValueError:
            fields[name] = value
    return fields


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("strategy", help="id or path of a strategy")
    parser.add_argument("scenario", help="id or path of a scenario")
    parser.add_argument(
        "--execution",
        default="honest_v1",
        metavar="P[+FIELD=VALUE]",
        help="execution profile, with other values of some of its fields",
    )
    parser.add_argument("--path", type=int, help="which path of a scenario that has several")
    parser.add_argument("--cash", type=float, default=10_000.0, help="initial cash, quote currency")


def _backtest_arguments(parser: argparse.ArgumentParser) -> None:
    _run_arguments(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="write trades and equity there")
    parser.add_argument(
        "--twins",
        type=int,
        nargs="?",
        const=200,
        metavar="N",
        help="compare with N runs of as many positions at random times; 200 if N is left out",
    )
    parser.add_argument(
        "--cost-edge", action="store_true", help="what costs and what delay the edge bears"
    )
    parser.add_argument(
        "--capacity",
        action="store_true",
        help="how much money it can trade before square-root impact eats its edge",
    )


def _backtest(arguments: argparse.Namespace, home: Path) -> Answer:
    from simcore.backtests.run import backtest
    from simcore.scoring.deflation import deflated

    strategy, bars, manifest = _met(arguments, home)
    asked: dict[str, Any] = {
        "execution": parse_execution(arguments.execution),
        "initial_cash": arguments.cash,
        "bars_per_year": manifest["A"],
    }
    result = backtest(strategy, bars, **asked, home=home)
    metrics = dict(result.metrics)
    error = _sharpe_se(metrics["sharpe"], bars.height, manifest["A"])
    lines = [f"{'n_bars':16} {bars.height}"]
    lines += [f"{name:16} {'null' if value is None else value}" for name, value in metrics.items()]
    if error is not None:
        at = next(i for i, line in enumerate(lines) if line.split()[0] == "sharpe")
        lines[at] += f" ± {error:.4g} (one standard error)"
    judged = deflated(result, bars, home=home)
    told = "null" if judged.dsr is None else f"{judged.dsr:.4g}"
    lines.append(f"{'dsr':16} {told} of {judged.k_trials} trials ever made on these bars")
    lines.append(f"{'flags':16} {' '.join(result.flags) or '-'}")
    lines.append(f"{'signature':16} {result.signature}")
    lines.append(f"{'used_cache':16} {result.used_cache}")
    data = {
        "n_bars": bars.height,
        "metrics": metrics,
        "sharpe_se": error,
        "dsr": judged.dsr,
        "k_trials": judged.k_trials,
        "flags": list(result.flags),
        "signature": result.signature,
        "used_cache": result.used_cache,
    }
    for found_lines, found in _examined(arguments, strategy, bars, asked):
        lines += found_lines
        data |= found
    if arguments.out is not None:
        import polars as pl

        equity = pl.DataFrame({"ts": bars["ts"], "equity_quote": result.equity})
        write(result.trades, arguments.out / "trades.parquet")
        write(equity, arguments.out / "equity.parquet")
        lines.append(f"trades and equity written to {arguments.out}")
    return Answer("\n".join(lines), data)


def _sharpe_se(sharpe: float | None, n_bars: int, bars_per_year: float) -> float | None:
    import numpy as np

    from simcore.backtests.sharpe_error import sharpe_error

    if sharpe is None:
        return None
    return float(sharpe_error(np.array(sharpe), n_bars=n_bars, bars_per_year=bars_per_year))


def _examined(
    arguments: argparse.Namespace, strategy: Strategy, bars: pl.DataFrame, asked: dict[str, Any]
) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """Lines and data of what was asked for beside the run itself."""
    from dataclasses import asdict

    if arguments.twins is not None:
        from simcore.backtests.random_entry import random_entry

        twins = random_entry(strategy, bars, n_twins=arguments.twins, **asked)
        scores = [None if math.isnan(score) else score for score in twins.twin_scores.tolist()]
        yield [str(twins)], {"random_entry": {**asdict(twins), "twin_scores": scores}}
    if arguments.cost_edge:
        from simcore.backtests.cost_edge import break_even
        from simcore.backtests.delay_decay import delay_decay

        edge = break_even(strategy, bars, **asked)
        decay = delay_decay(strategy, bars, **asked)
        error = edge.extra_bps_se
        lines = [
            "break-even: no trades"
            if edge.extra_bps is None
            else f"break-even: {edge.extra_bps:.4g}"
            + (" bps" if error is None else f" ± {error:.4g} bps")
            + f" one way on top of {edge.paid_bps:.4g} paid, n = {edge.n_trades} trades",
            "delay decay: drop of the Sharpe ratio against the first, with its standard error",
            shown(decay),
        ]
        yield lines, {"break_even": asdict(edge), "delay_decay": rows(decay)}
    if arguments.capacity:
        from simcore.backtests.cost_edge import capacity

        found = capacity(strategy, bars, **asked)
        told = {"cash_quote": found.cash_quote, "shown_quote": found.shown_quote}
        sizes = {name: "none" if size is None else f"{size:.4g}" for name, size in told.items()}
        flags = f" {' '.join(found.flags)}" if found.flags else ""
        lines = [
            f"capacity: {sizes['cash_quote']} quote until profits are gone, {sizes['shown_quote']}"
            f" until a Sharpe ratio above 0 is no longer shown (95 %, one-sided),"
            f" n = {bars.height} bars{flags}",
            shown(found.curve, rows=12),
        ]
        yield lines, {"capacity": {**told, "flags": list(found.flags), "curve": rows(found.curve)}}


def _sweep_arguments(parser: argparse.ArgumentParser) -> None:
    _run_arguments(parser)
    parser.add_argument(
        "--grid",
        action="append",
        required=True,
        metavar="NAME=a:b:s",
        help="values of one parameter, b included, or NAME=v,w; repeat for more parameters",
    )
    parser.add_argument("--out", type=Path, metavar="F.parquet", help="write every setting there")


def parse_grid(texts: list[str]) -> dict[str, list[float]]:
    """Read ``name=a:b:s`` (b included) or ``name=v,w,…`` into values by parameter.

    Raises:
        SpecError: A text is of neither form, or a name or a value stands twice.
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
            if not grid[name] or len(set(grid[name])) < len(grid[name]):
                raise ValueError(text)
        except (TypeError, ValueError, ZeroDivisionError):
            message = f"got {text!r}, expected name=first:last:step or name=v,w, each value once"
            raise _grid_error(message) from None
    return grid


def _grid_error(message: str) -> SpecError:
    return SpecError([Problem("ARGUMENT", "GRID", message, source="--grid")])


def _steps(first: float, last: float, step: float) -> list[float]:
    from simcore.backtests.sweep import MAX_SETTINGS

    steps = (last - first) / step
    count = max(int(min(steps, 1e18) + 1e-9) + 1, 0) if steps > -1.0 else 0
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
    from simcore.backtests.surface import surface
    from simcore.backtests.sweep import sweep

    grid = parse_grid(arguments.grid)
    execution = parse_execution(arguments.execution)
    strategy, bars, manifest = _met(arguments, home)
    frame = sweep(
        strategy,
        grid,
        bars,
        execution=execution,
        initial_cash=arguments.cash,
        bars_per_year=manifest["A"],
        home=home,
    )
    found = surface(frame, list(grid))
    marks = found.frame.select("n_neighbours", "plateau", "is_isolated")
    frame = frame.hstack(marks)
    lines = [
        f"{strategy.id} on {manifest['scenario_id']}, {arguments.execution}:"
        f" {frame.height} settings over n = {bars.height} bars, {_refusals(frame)}",
        *_ends(frame, list(grid)),
    ]
    if found.score_by_luck is not None:
        lines.append(
            f"the best of {found.n_settings} settings without an edge would score about"
            f" {found.score_by_luck:.3g} by luck, were they independent"
        )
    if arguments.out is not None:
        write(frame, arguments.out)
        lines.append(f"every setting written to {arguments.out}")
    return Answer("\n".join(lines), rows(frame))


def _refusals(frame: pl.DataFrame) -> str:
    """How many settings were refused, by reason."""
    counts = frame["refused"].drop_nulls().value_counts().sort("refused").rows()
    return "refused: " + (", ".join(f"{n} {reason}" for reason, n in counts) or "none")


def _ends(frame: pl.DataFrame, names: list[str]) -> Iterator[str]:
    """The best and the worst settings, with what is needed to doubt them."""
    import polars as pl

    scored = frame.filter(pl.col("sharpe").is_not_null())
    if not scored.height:
        yield "no setting has a Sharpe ratio"
        return
    ranked = scored.sort("sharpe", descending=True, maintain_order=True)
    columns = ["sharpe", "sharpe_se", "total_return", "max_drawdown", "n_trades"]
    ranked = ranked.select(
        *names,
        *(pl.col(name).cast(pl.Float64).round_sig_figs(4) for name in columns[:-1]),
        pl.col("n_trades").cast(pl.UInt32),
        pl.col("plateau").round(2),
        pl.col("n_neighbours").alias("of"),
        pl.col("is_isolated").alias("isolated"),
    )
    if ranked.height <= 2 * N_SHOWN:
        yield "by Sharpe ratio:"
        yield shown(ranked)
    else:
        yield f"best {N_SHOWN} by Sharpe ratio:"
        yield shown(ranked.head(N_SHOWN))
        yield f"worst {N_SHOWN}:"
        yield shown(ranked.tail(N_SHOWN))
    yield (
        "plateau: share of the neighbours (within 20 % of each value, or the next of the grid)"
        " whose Sharpe ratio is within one standard error"
    )


COMMANDS: Final = (
    Command("backtest", "one strategy on one scenario", _backtest_arguments, _backtest),
    Command("sweep", "many parameter settings on one scenario", _sweep_arguments, _sweep),
)
