"""Two strategies in one order book, for a person who reads what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from simcore.backtests.market import check_timeframe, market_columns
from simcore.backtests.metric_values import flag_names, run_metrics
from simcore.backtests.request import ExecutionArgument, check_bars_per_year, execution_fields
from simcore.backtests.run import Backtest, check_amount, default_bars_per_year
from simcore.backtests.series import phase_sharpe
from simcore.backtests.trials import BY_HAND, TrialLedger, lineage, scores_of, trial_rows
from simcore.documents import nearest, parse, read
from simcore.errors import SpecError
from simcore.problems import Hint, Problem
from simcore.scoring import SCORES
from simcore.scoring.composite import COMPOSITE_V1
from simcore.scoring.score import Runs
from simcore.store import Partition, Store
from simcore.strategy.strategy import Strategy, compile_strategy
from simcore.tournaments.book import Book, arena_hash, misfits
from simcore.tournaments.game import points, result_names
from simcore.tournaments.pairings import PRICES, Meeting, meetings


@dataclass(frozen=True)
class Arena:
    """What `arena` returns.

    Args:
        a: Backtest of the first strategy over the bars that they made.
        b: Likewise of the second.
        bars: The bars that they made.
        tape: One row a bar: ``ts``; ``displacement``, of the log price from the undisturbed one;
            ``book_base``, what the book gave in its auction; ``dealer_base``, what the dealer gave
            and has not bought back; ``position_base_a`` and ``position_base_b`` at its close.
        score_a: Points of the first.
        score_b: Points of the second.
        result: ``a``, ``b`` or ``draw``.
    """

    a: Backtest
    b: Backtest
    bars: pl.DataFrame
    tape: pl.DataFrame
    score_a: float
    score_b: float
    result: str


def arena(
    a: Strategy | str | Path | Mapping[str, Any],
    b: Strategy | str | Path | Mapping[str, Any],
    bars: pl.DataFrame,
    *,
    book: Book | Mapping[str, float],
    execution: ExecutionArgument = "honest_v1",
    initial_cash: float = 10_000.0,
    bars_per_year: float | None = None,
    score: str = COMPOSITE_V1.name,
    home: str | Path | None = None,
) -> Arena:
    """Let two strategies trade in one order book over the bars of one path, and score the game.

    Identical strategies draw, and who is named first changes nothing but the names.

    Args:
        a: A compiled strategy, or a document, its id, path or text.
        b: Its opponent.
        bars: The undisturbed market: what `backtest` takes.
        book: ``depth_base_per_bps``; ``permanent_fraction``, 0.5, and ``half_life_bars``, 10,
            where they are not given.
        execution: A profile's name, or ``{"base": name, **overrides}``; without an impact and a
            participation of its own, since the book has both.
        initial_cash: Of each, quote currency, above 0.
        bars_per_year: Annualises the ratios; None means a market that never closes.
        score: Name of the score that decides.
        home: Where the user's documents lie and trials are counted; None counts nothing.

    Raises:
        SpecError: A strategy, the book, the execution, the score or the columns are wrong.
        EngineError: A bar is impossible, or the series is shorter than a strategy's lookback.
    """
    strategies = compile_strategy(a, home=home), compile_strategy(b, home=home)
    check_amount("initial_cash", initial_cash)
    _check(execution, score)
    used = _book(book)
    if bars_per_year is None:
        bars_per_year = default_bars_per_year(strategies[0])
    else:
        check_bars_per_year(bars_per_year)
    calm = market_columns(strategies[0], bars)
    check_timeframe(strategies[1], calm["ts"])
    meeting = meetings(
        [strategy.program_json for strategy in strategies],
        [(0, 1)],
        calm,
        execution=execution,
        book=used,
        initial_cash=float(initial_cash),
        bars_per_year=float(bars_per_year),
    )[0]
    if home is not None:
        _write_down(home, strategies, meeting, lineage(calm), execution, used, bars_per_year)
    return _game(strategies, meeting, bars, (execution, initial_cash, bars_per_year), score)


def _game(
    strategies: tuple[Strategy, Strategy],
    meeting: Meeting,
    bars: pl.DataFrame,
    asked: tuple[ExecutionArgument, float, float],
    score: str,
) -> Arena:
    made = bars.with_columns(pl.Series(name, meeting.market[name]) for name in PRICES)
    one, other = (
        Backtest(run, strategy, made, asked)
        for run, strategy in zip(meeting.runs, strategies, strict=True)
    )
    points_a, points_b = _scores(score, meeting, asked)
    won = points(np.array([points_a]), np.array([points_b]))
    tape = pl.DataFrame({"ts": meeting.market["ts"], **meeting.tape})
    return Arena(one, other, made, tape, points_a, points_b, result_names(won)[0])


def _book(given: Book | Mapping[str, float]) -> Book:
    if isinstance(given, Book):
        return given
    try:
        if not isinstance(given, Mapping):
            message = f"got a {type(given).__name__}, expected a mapping with a depth"
            raise SpecError([Problem("DOC_INVALID", "WRONG_TYPE", message)])
        return parse(Book, read(given, "tournaments"), "DOC_INVALID")
    except SpecError as error:
        placed = [replace(each, path=f"/book{each.path}", source="") for each in error.problems]
        raise SpecError(placed) from None


def _check(execution: ExecutionArgument, score: str) -> None:
    """Refuse an execution that does not go with a book, and a score that is not known."""
    problems = [
        Problem(
            "DOC_INVALID",
            "MISFIT",
            f"got {found}, expected {fitting}",
            path=f"/execution/{name}",
        )
        for name, found, fitting in misfits(execution_fields(execution))
    ]
    if score not in SCORES:
        near = nearest(score, sorted(SCORES)) if isinstance(score, str) else None
        message = f"got {score!r}, expected one of {', '.join(sorted(SCORES))}"
        hints = (Hint(f'did you mean "{near}"?'),) if near else ()
        problems.append(Problem("DOC_INVALID", "BAD_ENUM", message, path="/score", hints=hints))
    if problems:
        raise SpecError(problems)


def _scores(
    name: str, meeting: Meeting, asked: tuple[ExecutionArgument, float, float]
) -> tuple[float, float]:
    """Points of both runs."""
    _, initial_cash, bars_per_year = asked
    n_bars = float(len(meeting.market["ts"]))
    rows: list[dict[str, Any]] = [
        {
            **run_metrics(run),
            "phase_sharpe": phase_sharpe(np.append(initial_cash, run["equity_quote"])),
            "bars": n_bars,
            "bars_per_year": bars_per_year,
        }
        for run in meeting.runs
    ]
    score = SCORES[name]
    known = Runs(
        metrics={
            metric: np.array([[_number(row.get(metric)) for row in rows]])
            for metric in score.metrics
        },
        is_ruined=np.array([["RUIN" in flag_names(run["flags"]) for run in meeting.runs]]),
        has_run=np.ones((1, 2), dtype=np.bool_),
    )
    first, second = score.points(known, score.weights)[0].tolist()
    return first, second


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _write_down(
    home: str | Path,
    strategies: tuple[Strategy, Strategy],
    meeting: Meeting,
    history: str,
    execution: ExecutionArgument,
    book: Book,
    bars_per_year: float,
) -> None:
    """Count both runs as trials on the undisturbed history, under the execution and the book."""
    ledger, n_bars = TrialLedger(Store.of(home)), len(meeting.market["ts"])
    made_under = pl.lit(arena_hash(execution, book)).alias("execution_hash")
    for strategy, run in zip(strategies, meeting.runs, strict=True):
        scores = scores_of([strategy.ir_hash], [run], n_bars, bars_per_year)
        rows = trial_rows(scores, strategy, history, execution, "arena").with_columns(made_under)
        ledger.add(Partition(campaign=BY_HAND, strategy=strategy.id), rows)
