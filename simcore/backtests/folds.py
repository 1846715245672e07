"""Where a walk-forward learns and where it is judged: stretches of bars, nothing is run here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from simcore.errors import SpecError
from simcore.problems import Hint, Problem
from simcore.refusals import nearest

SCHEMES: Final = ("rolling", "anchored")


@dataclass(frozen=True)
class Fold:
    """One step forward.

    Args:
        number: From zero.
        train_start: First bar that is learnt from.
        train_stop: The bar behind the last that is learnt from.
        test_start: First bar that is judged.
        test_stop: The bar behind the last that is judged.
    """

    number: int
    train_start: int
    train_stop: int
    test_start: int
    test_stop: int


@dataclass(frozen=True)
class Plan:
    """How a history is walked through.

    A test begins `train_bars` behind the beginning of its train, whatever is cut off in between:
    `purge_bars` and `embargo_bars` shorten the train at its end and never move the test.

    Args:
        folds: How many tests.
        scheme: ``rolling`` learns from so many bars before each test, ``anchored`` from all.
        train_bars: Bars from the first train to the first test. None gives what the tests leave.
        test_bars: Bars of a test. None divides what the first train leaves; if that is not given
            either, half of the history.
        purge_bars: Bars at the end of a train whose decisions may reach into the test. None takes
            as long as a trade may last, but never more than half of a train: a run over a train is
            closed out at its end, so that what is cut off guards habits, not facts.
        embargo_bars: Further bars there that are not learnt from.
    """

    folds: int = 5
    scheme: str = "rolling"
    train_bars: int | None = None
    test_bars: int | None = None
    purge_bars: int | None = None
    embargo_bars: int = 0

    def over(self, n_bars: int, *, holding_bars: int = 1) -> tuple[Fold, ...]:
        """Return the folds of a history, the oldest first.

        Args:
            n_bars: Length of the history.
            holding_bars: How long a trade may last.

        Raises:
            SpecError: Everything that is out of range, at once, or does not fit into the history.
        """
        problems = _problems(self)
        if problems:
            raise SpecError(problems)
        test_bars, train_bars = self.test_bars, self.train_bars
        if test_bars is None:
            test_bars = (n_bars // 2 if train_bars is None else n_bars - train_bars) // self.folds
        if train_bars is None:
            train_bars = n_bars - self.folds * test_bars
        purge_bars = self.purge_bars
        if purge_bars is None:
            purge_bars = min(max(holding_bars, 1), train_bars // 2)
        gap_bars = purge_bars + self.embargo_bars
        asked = (n_bars, train_bars, test_bars, gap_bars)
        if test_bars < 1 or train_bars <= gap_bars or train_bars + self.folds * test_bars > n_bars:
            raise SpecError([_short(self, *asked)])
        return tuple(
            self._fold(number, train_bars + number * test_bars, train_bars, test_bars, gap_bars)
            for number in range(self.folds)
        )

    def _fold(
        self, number: int, test_start: int, train_bars: int, test_bars: int, gap_bars: int
    ) -> Fold:
        return Fold(
            number=number,
            train_start=0 if self.scheme == "anchored" else test_start - train_bars,
            train_stop=test_start - gap_bars,
            test_start=test_start,
            test_stop=test_start + test_bars,
        )


def _short(plan: Plan, n_bars: int, train_bars: int, test_bars: int, gap_bars: int) -> Problem:
    """Why a history does not hold the folds: the one thing asked that it has least room for."""
    path, hint = "/folds", "ask for fewer folds or shorter ones"
    history = f"a history of {n_bars} bars"
    if plan.folds > n_bars // 2:
        message = f"got {plan.folds} folds, expected at most {n_bars // 2} in {history}"
    elif plan.train_bars is not None and plan.train_bars >= n_bars:
        path = "/train_bars"
        message = f"got {plan.train_bars}, expected fewer than the bars of {history}"
        hint = "ask for a shorter train"
    elif plan.test_bars is not None and plan.folds * plan.test_bars >= n_bars:
        path = "/test_bars"
        message = (
            f"got {plan.test_bars}, which make {plan.folds * plan.test_bars} bars in "
            f"{plan.folds} folds, expected fewer in all than {history} has"
        )
    elif gap_bars >= train_bars:
        is_purge = (plan.purge_bars or 0) >= plan.embargo_bars
        path = "/purge_bars" if is_purge else "/embargo_bars"
        message = (
            f"got {gap_bars} bars to cut off a train of {train_bars} (purge and embargo), expected "
            "fewer than it has"
        )
        hint = "cut off less, or ask for a longer train"
    else:
        message = (
            f"got {n_bars} bars for a train of {train_bars} and {plan.folds} tests of "
            f"{test_bars}; expected a history that holds them all, each test one bar or more"
        )
    return Problem("ARGUMENT", "TOO_SHORT", message, path, hints=(Hint(hint),))


def _problems(plan: Plan) -> list[Problem]:
    problems = []
    may_be_none = ("train_bars", "test_bars", "purge_bars")
    for name, least in (
        ("folds", 1), ("train_bars", 1), ("test_bars", 1), ("purge_bars", 0), ("embargo_bars", 0),
    ):  # fmt: skip
        value = getattr(plan, name)
        if value is None and name in may_be_none:
            continue
        is_count = isinstance(value, int) and not isinstance(value, bool)
        if not is_count or value < least:
            reason = "OUT_OF_RANGE" if is_count else "WRONG_TYPE"
            message = f"got {value!r}, expected a whole number, {least} or more"
            problems.append(Problem("ARGUMENT", reason, message, f"/{name}"))
    scheme = plan.scheme
    if scheme not in SCHEMES:
        message = f"got {scheme!r}, expected one of {', '.join(SCHEMES)}"
        near = nearest(scheme, SCHEMES) if isinstance(scheme, str) else None
        hints = (Hint(f'did you mean "{near}"?'),) if near else ()
        problems.append(Problem("ARGUMENT", "UNKNOWN_NAME", message, "/scheme", hints=hints))
    return problems
