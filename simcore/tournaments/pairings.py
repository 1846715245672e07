"""Runs of entries that trade against each other: every pair on every market, in one order book.

Alone, a run depends on strategy and market, and is made once. In an arena it depends on who else
is there, so there is one for each pair; an entry's score on a market is the mean over those it met.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
import polars as pl

from simcore import engine
from simcore.backtests.market import check_timeframe
from simcore.backtests.metric_values import flag_names, run_metrics
from simcore.backtests.request import ExecutionArgument, execution_json
from simcore.backtests.run import benchmark_program
from simcore.backtests.series import phase_sharpe
from simcore.bars import columns_by_path
from simcore.errors import InvariantError
from simcore.scenario.document import ScenarioDocument
from simcore.strategy.strategy import Strategy
from simcore.tables import TABLES
from simcore.tournaments.book import Book, arena_name
from simcore.tournaments.document import TournamentDocument, refusal

PAIRINGS_MAX: Final = 100_000
"""Pairs on markets that one tournament may ask for: each is two runs and the bars they made."""
BATCH_PAIRINGS: Final = 256
"""Pairings whose bars are held at a time."""

PRICES: Final = ("open", "high", "low", "close", "volume")
TAPE: Final = ("displacement", "book_base", "dealer_base", "position_base_a", "position_base_b")


@dataclass(frozen=True)
class Meeting:
    """What came of two programs in one arena.

    Args:
        market: Columns of the bars that they made.
        tape: How the book, the dealer and both positions stood, a value a bar.
        runs: Backtests of both over these bars, in full detail.
    """

    market: engine.Columns
    tape: engine.Columns
    runs: tuple[engine.RunColumns, engine.RunColumns]


def meetings(
    programs: Sequence[str],
    pairings: Sequence[tuple[int, int]],
    calm: engine.Columns,
    *,
    execution: ExecutionArgument,
    book: Book,
    initial_cash: float,
    bars_per_year: float,
    benchmark: str | None = None,
) -> list[Meeting]:
    """Let pairs of programs trade over the bars of one path, each pair in an arena of its own.

    Args:
        programs: Compiled programs, as JSON texts.
        pairings: Who meets whom, by position.
        calm: Columns of the undisturbed bars.
        execution: A profile's name, or ``{"base": name, **overrides}``.
        book: The order book of each arena.
        initial_cash: Of each program, in quote currency.
        bars_per_year: Annualises the ratios.
        benchmark: As `engine.backtest` takes it.

    Raises:
        EngineError: What the engine refuses.
        InvariantError: A backtest over the bars is not what was done in the arena.
    """
    text = execution_json(execution)
    made = engine.arena(
        programs,
        text,
        book.fields(),
        [calm],
        [(one, other, 0) for one, other in pairings],
        initial_cash=initial_cash,
        bars_per_year=[bars_per_year],
    )
    markets = [{**calm, **{name: each[name] for name in PRICES}} for each in made]
    runs = engine.backtest(
        programs,
        text,
        markets,
        [(seat, at) for at, pair in enumerate(pairings) for seat in pair],
        initial_cash=initial_cash,
        bars_per_year=[bars_per_year] * len(markets),
        benchmark=benchmark,
    )
    met = [
        Meeting(market, {name: each[name] for name in TAPE}, (runs[2 * at], runs[2 * at + 1]))
        for at, (market, each) in enumerate(zip(markets, made, strict=True))
    ]
    for each in met:
        _check_is_what_was_done(each)
    return met


def _check_is_what_was_done(meeting: Meeting) -> None:
    for seat, run in zip(("a", "b"), meeting.runs, strict=True):
        done = meeting.tape[f"position_base_{seat}"]
        if not np.array_equal(run["position_base"], done):
            bar = int(np.flatnonzero(run["position_base"] != done)[0])
            found = f"a backtest holds {run['position_base'][bar]}, the arena {done[bar]}"
            raise InvariantError(f"arena, seat {seat}, bar {bar}: {found}")


def paired_runs(
    document: TournamentDocument,
    strategies: Sequence[Strategy],
    scenarios: Sequence[tuple[Mapping[str, Any], pl.DataFrame]],
) -> pl.DataFrame:
    """Return the runs of every pair of a tournament's entries on every path of its scenarios.

    Args:
        document: Which entries, scenarios, execution and book.
        strategies: From which the entries are; equal programs are one entry, by its first id.
        scenarios: Manifest and bars of each.

    Returns:
        The columns of `backtests` that a tournament reads, with ``opponent_id``; no rows where
        nobody meets.

    Raises:
        SpecError: More pairings than `PAIRINGS_MAX`; bars of another timeframe.
    """
    if document.arena is None:
        raise InvariantError(f"{document.id}: got a tournament without an arena")
    entered = _entered(document, strategies)
    asked = [
        (manifest, bars)
        for manifest, bars in scenarios
        if document.scenarios is None or manifest["scenario_id"] in document.scenarios
    ]
    check_size(document, len(entered), sum(bars["path"].n_unique() for _, bars in asked))
    kinds = TABLES["backtests"].polars_schema()
    schema = {name: kinds[name] for name in _COLUMNS} | {"opponent_id": pl.String()}
    # As Python's own values, the rows of all would take five times as much.
    frames = [
        pl.DataFrame(rows, schema=schema)
        for manifest, bars in asked
        for path, calm in columns_by_path(bars)
        for rows in _batches(document, document.arena, entered, manifest, path, calm)
    ]
    return pl.concat([pl.DataFrame(schema=schema), *frames])


_COLUMNS: Final = tuple(
    each.name
    for each in TABLES["backtests"].columns
    if each.name not in ("signature", "equity_rows", "final_equity_quote")
)


def _entered(document: TournamentDocument, strategies: Sequence[Strategy]) -> list[Strategy]:
    """One strategy a program, that of the first id, sorted by the hash of the program."""
    first: dict[str, Strategy] = {}
    for each in sorted(strategies, key=lambda strategy: strategy.id):
        if document.entries is None or each.id in document.entries:
            first.setdefault(each.ir_hash, each)
    return [first[ir_hash] for ir_hash in sorted(first)]


def played_on(
    document: TournamentDocument, entered: Sequence[Strategy], laws: Sequence[ScenarioDocument]
) -> list[ScenarioDocument]:
    """Return the scenarios that have runs to compare: of an entry's timeframe; in arenas, of two.

    Args:
        document: The tournament.
        entered: Its entries.
        laws: Its scenarios.
    """
    programs = {(each.timeframe, each.ir_hash) for each in entered}
    fewest = 1 if document.arena is None else 2
    n_of = Counter(timeframe for timeframe, _ in programs)
    return [each for each in laws if n_of[each.timeframe] >= fewest]


def n_pairings(n_entries: int, n_markets: int) -> int:
    """Return how many arenas it takes for so many entries to meet on so many markets."""
    return math.comb(n_entries, 2) * n_markets


def check_size(document: TournamentDocument, n_entries: int, n_markets: int) -> None:
    """Refuse a tournament in arenas that nobody would wait for; any other is let through.

    Raises:
        SpecError: OUT_OF_RANGE, more pairings than `PAIRINGS_MAX`.
    """
    found = n_pairings(n_entries, n_markets)
    if document.arena is not None and found > PAIRINGS_MAX:
        message = (
            f"got {n_entries} entries on {n_markets} markets, which is {found} arenas, "
            f"expected at most {PAIRINGS_MAX}"
        )
        raise refusal(document, "OUT_OF_RANGE", "/arena", message)


def _batches(
    document: TournamentDocument,
    book: Book,
    entered: Sequence[Strategy],
    manifest: Mapping[str, Any],
    path: int,
    calm: engine.Columns,
) -> Iterator[list[dict[str, Any]]]:
    """The runs of every pair on one path, some pairs at a time."""
    here = [each for each in entered if each.timeframe == manifest["timeframe"]]
    for each in here:
        check_timeframe(each, calm["ts"])
    pairs = list(combinations(range(len(here)), 2))
    shared = {
        "scenario_id": manifest["scenario_id"],
        "path": path,
        "scenario_hash": manifest["scenario_hash"],
        "dataset_hash": manifest["dataset_hash"],
        "execution": arena_name(document.execution, book),
        "initial_cash_quote": document.initial_cash,
        "bars": len(calm["ts"]),
        "bars_per_year": float(manifest["A"]),
    }
    for start in range(0, len(pairs), BATCH_PAIRINGS):
        batch = pairs[start : start + BATCH_PAIRINGS]
        met = meetings(
            [each.program_json for each in here],
            batch,
            calm,
            execution=document.execution,
            book=book,
            initial_cash=document.initial_cash,
            bars_per_year=float(manifest["A"]),
            benchmark=benchmark_program(),
        )
        seats = [(here[at], here[of]) for pair in batch for at, of in (pair, pair[::-1])]
        runs = [run for meeting in met for run in meeting.runs]
        yield [
            {**shared, **_scored(run, document.initial_cash), **_who(own, opponent)}
            for (own, opponent), run in zip(seats, runs, strict=True)
        ]


def _who(own: Strategy, opponent: Strategy) -> dict[str, str]:
    return {"strategy_id": own.id, "ir_hash": own.ir_hash, "opponent_id": opponent.id}


def _scored(run: engine.RunColumns, initial_cash: float) -> dict[str, Any]:
    return {
        **run_metrics(run),
        "phase_sharpe": phase_sharpe(np.append(initial_cash, run["equity_quote"])),
        "flags": " ".join(flag_names(run["flags"])),
    }
