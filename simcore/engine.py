"""The compiled engine, as the rest of the project sees it: types, shapes, errors made ours.

The only importer of `simcore._engine`. It converts and calls; what a value means is decided
elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from simcore import _engine
from simcore.errors import EngineError

THREADS_MAX: Final = 1_024
"""Threads that a caller may ask for, more than the machines this is meant for have."""

Columns = dict[str, NDArray[Any]]
"""Columns of one table: one-dimensional arrays of one length."""

RunColumns = dict[str, Any]
"""One run: ``metrics``, ``flags``, and with full detail ``equity_quote``, ``trades``, …"""


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except _engine.RefusalError as refusal:
        raise EngineError(*refusal.args) from None


@cache
def version() -> str:
    """Return the crate's version and the digest of its sources, ``0.1.0+0123456789ab``.

    A machine whose exponentials and logarithms fail the start-up self-test bears a mark behind
    it, so that nothing it makes shares a hash with what another made.
    """
    return _engine.version()


@cache
def catalogue() -> dict[str, Any]:
    """Return every open set of the engine: families, indicators, metrics, executions, codes."""
    catalogue: dict[str, Any] = json.loads(_engine.catalogue())
    return catalogue


@dataclass(frozen=True, eq=False)
class Market:
    """What the engine made of a scenario.

    Args:
        columns: The bars table without its first column, each ``(n_paths * n_assets * n_bars,)``.
        latent: What the bars do not say, of the same length: ``mean`` and ``deviation`` of the
            bar's log return given the bars before, ``jump`` at its open, ``state``. Empty unless
            it was asked for.
        facts: Hashes, bounds and counts of the manifest.
    """

    columns: Columns
    latent: Columns
    facts: dict[str, Any]


def generate(
    scenario: Mapping[str, Any], source: Columns | None = None, *, wants_latent: bool = False
) -> Market:
    """Generate the bars of one scenario.

    Args:
        scenario: The effective document: every default filled in.
        source: Rows of a family that needs them: ``ts`` (ns UTC) and OHLCV, each
            ``(n_assets * n_bars,)``, and if they are known ``known_at`` and ``hl_order``.
        wants_latent: Whether to give what the bars do not say.

    Raises:
        EngineError: The document or the path it leads to is refused.
    """
    with _refusals():
        columns, latent, facts = _engine.generate(json.dumps(scenario), source, wants_latent)
    return Market(columns, latent, json.loads(facts))


def scenario_laws(scenario: Mapping[str, Any], source: Columns | None = None) -> dict[str, Any]:
    """Return what must hold of the bars of one scenario.

    Args:
        scenario: The effective document.
        source: As `generate` takes it.

    Returns:
        ``laws``: a list of ``{statistic, arguments}`` with ``expected`` alone (within standard
        errors), ``expected`` and ``distance``, or ``low`` and ``high``. ``burn_in_bars``: after
        how many bars of a path they hold. ``facts``: for each stylised fact whether it is
        expected, None where it may be either.

    Raises:
        EngineError: The document is refused.
    """
    with _refusals():
        laws: dict[str, Any] = json.loads(_engine.scenario_laws(json.dumps(scenario), source))
    return laws


def indicator(program_json: str, bars: Columns) -> NDArray[np.float64]:
    """Return the output column of a program, ``(n_bars,)``; NaN where the value is unknown.

    Raises:
        EngineError: The program or the bars are refused.
    """
    with _refusals():
        return _engine.indicator(program_json, bars)


def are_mostly_apart(ts: NDArray[np.int64], distance_ns: int) -> bool:
    """Return whether at least half of the times are so far from the one before.

    Args:
        ts: Times, ns UTC, ``(n_bars,)``; of less than two it is true.
        distance_ns: How far, ns.
    """
    return _engine.are_mostly_apart(ts, distance_ns)


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


def check_threads(n_threads: int | None) -> None:
    """Refuse a number of threads that no machine has: the engine would start each of them.

    Raises:
        EngineError: It is no whole number from 1 to `THREADS_MAX`.
    """
    if n_threads is None:
        return
    if isinstance(n_threads, bool) or not isinstance(n_threads, int) or n_threads < 1:
        message = f"/n_threads: got {n_threads!r}, expected a whole number, 1 or more"
        raise EngineError("FIELD_INVALID", message)
    if n_threads > THREADS_MAX:
        message = f"/n_threads: got {n_threads}, expected at most {THREADS_MAX}"
        raise EngineError("FIELD_INVALID", message)


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
    with _refusals():
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
    with _refusals():
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


def metrics(
    returns: NDArray[np.float64],
    *,
    bars_per_year: float,
    mar: float,
    rf: float,
    benchmark: NDArray[np.float64] | None = None,
    ts: NDArray[np.int64] | None = None,
    only: Sequence[str] | None = None,
) -> tuple[dict[str, float], int]:
    """Return the metrics that need no run, and the bits of their flags.

    Args:
        returns: Simple returns per bar, ``(n_bars,)``.
        bars_per_year: Annualises the ratios.
        mar: Least acceptable return, per bar.
        rf: Riskless rate, per bar.
        benchmark: Returns of the benchmark over the same bars, ``(n_bars,)``.
        ts: When each bar opened, ns UTC, rising, ``(n_bars,)``.
        only: Names of the metrics that are wanted; None wants all.

    Returns:
        Values by name, NaN for null; and one bit for each of ``metric_flags`` in the catalogue.

    Raises:
        EngineError: The returns or the options are refused.
    """
    with _refusals():
        wanted = None if only is None else list(only)
        return _engine.metrics(returns, bars_per_year, mar, rf, benchmark, ts, wanted)


def bootstrap(
    returns: NDArray[np.float64],
    *,
    seed: int,
    method: str,
    block_bars: float,
    n_paths: int,
    bars_per_year: float,
    first_path: int = 0,
    n_threads: int | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Return what paths of the same returns in another order score, one value a path.

    Args:
        returns: Simple returns per bar, ``(n_bars,)``, two or more, each finite.
        seed: Root of every draw, 0 to 2**53 - 1.
        method: ``stationary``, ``circular``, ``moving``, ``iid`` or ``permute``.
        block_bars: Bars of a block, 1 to ``n_bars``; the mean for ``stationary``, else whole.
        n_paths: How many paths, at most a million.
        bars_per_year: Annualises Sharpe ratio and growth.
        first_path: Number of the first path; a path is the same in whatever company.
        n_threads: None takes the machine's cores; the bytes are the same for any number.

    Returns:
        ``sharpe, max_drawdown, profit_factor_bar, cagr, es_5_bar``, each ``(n_paths,)``; NaN
        where a path has no such number.

    Raises:
        EngineError: The returns or what is asked of them are refused.

    Source:
        Politis and Romano (1994), JASA 89(428); Politis and Romano (1992), in Exploring the
        Limits of Bootstrap; Künsch (1989), Annals of Statistics 17(3).
    """
    check_threads(n_threads)
    with _refusals():
        return _engine.bootstrap(
            returns, seed, method, block_bars, first_path, n_paths, bars_per_year, n_threads
        )


def optimal_block_bars(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the best mean block of the stationary and the best block of the circular bootstrap.

    Args:
        values: A series of 10 values or more, each finite.

    Raises:
        EngineError: It is shorter, or a value is not finite.

    Source:
        Politis and White (2004), Econometric Reviews 23(1); Patton, Politis and White (2009),
        correction, 28(4).
    """
    with _refusals():
        return _engine.optimal_block_bars(values)


def paper(universe: Mapping[str, Any]) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Run one seeded universe of the paper-trading stack.

    Args:
        universe: The document that `simcore.chaos.schedule` makes.

    Returns:
        Tables by name, each a dictionary of columns, and the facts of the run (log roots, run
        id, counts).

    Raises:
        EngineError: The universe is refused.
    """
    with _refusals():
        tables, facts = _engine.paper(json.dumps(universe))
    return tables, json.loads(facts)


def uniforms(seed: int, purpose: str, lane: int, n: int, *, start: int = 0) -> NDArray[np.float64]:
    """Return draws in the open interval (0, 1) that belong to no scenario, ``(n,)``.

    A draw is a pure function of its address: seed, purpose, lane and its own index. Draws of
    another lane or purpose are independent of these; asking twice gives the same.

    Args:
        seed: 0 to 2**53 - 1.
        purpose: What the draws are for, such as ``evolution``.
        lane: Which series of that purpose, 0 to 2**64 - 1.
        n: How many.
        start: Index of the first.

    Raises:
        EngineError: The purpose is not known, or too many are asked for.

    Source:
        Salmon, Moraes, Dror and Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3", SC.
    """
    with _refusals():
        return _engine.uniforms(seed, purpose, lane, start, n)


def normals(seed: int, purpose: str, lane: int, n: int, *, start: int = 0) -> NDArray[np.float64]:
    """Return the draws of `uniforms` at the same address as standard normals, ``(n,)``.

    Raises:
        EngineError: The purpose is not known, or too many are asked for.

    Source:
        Wichura (1988), "Algorithm AS 241", Applied Statistics 37.
    """
    with _refusals():
        return _engine.normals(seed, purpose, lane, start, n)
