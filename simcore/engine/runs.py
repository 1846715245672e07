"""Programs over bars: one column, runs alone, scripts, and pairs in one order book."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simcore import _engine
from simcore.engine.boundary import Columns, RunColumns, check_threads, refusals
from simcore.errors import EngineError


def indicator(program_json: str, bars: Columns) -> NDArray[np.float64]:
    """Return the output column of a program, ``(n_bars,)``; NaN where the value is unknown.

    Raises:
        EngineError: The program or the bars are refused.
    """
    with refusals():
        return _engine.indicator(program_json, bars)


def backtest(
    programs: Sequence[str],
    execution: Mapping[str, Any] | str,
    bars: Sequence[Columns],
    runs: Sequence[tuple[int, int]],
    *,
    initial_cash: float,
    bars_per_year: Sequence[float],
    detail: Literal["summary", "equity", "full"] = "full",
    n_threads: int | None = None,
    benchmark: str | None = None,
    first_bar: int = 0,
) -> list[RunColumns]:
    """Run programs over bars, in parallel, with the same bytes for any number of threads.

    Args:
        programs: Compiled programs, as JSON texts.
        execution: Every field of an execution profile, or the same as JSON text.
        bars: Columns of one path of one asset each.
        runs: Which program meets which bars, as pairs of positions.
        initial_cash: In quote currency, above 0.
        bars_per_year: One value for each entry of `bars`; annualises the ratios.
        detail: ``equity`` adds equity and trades to the metrics, ``full`` cash and position too.
        n_threads: None takes the machine's cores.
        benchmark: A compiled program to set every run beside, over the same bars and with the
            same execution. With one, ``metrics`` and ``flags`` are those of the whole catalogue,
            otherwise of a summary; `detail` must then be more than ``summary``.
        first_bar: Where every run begins. The bars before it are history: indicators have seen
            them, and nothing is decided, booked or scored there. Results count bars from it.

    Returns:
        One entry for each run, in the order of `runs`.

    Raises:
        EngineError: A program, the execution or the bars are refused.
    """
    text = execution if isinstance(execution, str) else json.dumps(execution)
    check_threads(n_threads)
    try:
        return _engine.backtest(
            programs,
            text,
            bars,
            runs,
            initial_cash,
            bars_per_year,
            detail,
            n_threads,
            benchmark,
            first_bar,
        )
    except _engine.RefusalError as refusal:  # no context manager: called once per small backtest
        raise EngineError(*refusal.args) from None


def scripted(
    execution: str,
    bars: Columns,
    scripts: Columns,
    *,
    starts: Sequence[int],
    max_leverage: float,
    initial_cash: float,
    bars_per_year: float,
    n_threads: int | None = None,
) -> list[RunColumns]:
    """Run positions that are given, through the fills, costs and books of any other run.

    Args:
        execution: Every field of an execution profile, as JSON text.
        bars: Columns of one path of one asset.
        scripts: The positions of all scripts, one after the other, each in the order of its
            bars, which do not overlap: ``entry_bar`` and ``exit_bar``, filled at their opens (at
            the close where both are one, at the last where `exit_bar` is the number of bars);
            ``side``, 1 or -1; ``share``, value over equity at the close of the decision.
        starts: Where each script begins.
        max_leverage: Largest value of a position over the equity.
        initial_cash: In quote currency, above 0.
        bars_per_year: Annualises the ratios.
        n_threads: None takes the machine's cores.

    Returns:
        The summary of each script.

    Raises:
        EngineError: The execution, the bars or a position are refused.
    """
    check_threads(n_threads)
    with refusals():
        return _engine.scripted(
            execution,
            bars,
            scripts["entry_bar"].astype(np.uint64),
            scripts["exit_bar"].astype(np.uint64),
            scripts["side"].astype(np.float64),
            scripts["share"].astype(np.float64),
            list(starts),
            max_leverage,
            initial_cash,
            bars_per_year,
            n_threads,
        )


def arena(
    programs: Sequence[str],
    execution: str,
    book: Mapping[str, float],
    bars: Sequence[Columns],
    pairings: Sequence[tuple[int, int, int]],
    *,
    initial_cash: float,
    bars_per_year: Sequence[float],
    n_threads: int | None = None,
) -> list[Columns]:
    """Let pairs of programs trade in one order book, each pair in an arena of its own.

    Args:
        programs: Compiled programs, as JSON texts.
        execution: Every field of an execution profile, as JSON text.
        book: ``depth_base_per_bps``, ``permanent_fraction`` and ``half_life_bars``.
        bars: Undisturbed columns of one path of one asset each.
        pairings: Two programs and the bars that they meet on, by position.
        initial_cash: Of each of them, in quote currency, above 0.
        bars_per_year: One value for each entry of `bars`.
        n_threads: None takes the machine's cores; the bytes are the same for any number.

    Returns:
        For each pairing the bars that came of it, ``open, high, low, close, volume``; and
        ``displacement`` (of the log price), ``book_base`` (what the book gave in the auction of
        the bar), ``dealer_base`` (what the dealer has given and not bought back at its close) and
        ``position_base_a``, ``position_base_b``; each ``(n_bars,)``.

    Raises:
        EngineError: A program, the execution, the book or the bars are refused.

    Source:
        Kyle (1985), Econometrica 53(6), for a price that moves with what is asked for; Obizhaeva
        and Wang (2013), J. Financial Markets 16(1), for a move that stays in part and a rest that
        decays.
    """
    check_threads(n_threads)
    with refusals():
        return _engine.arena(
            programs,
            execution,
            json.dumps(dict(book)),
            bars,
            pairings,
            initial_cash,
            bars_per_year,
            n_threads,
        )
