"""The settings that a search tries: those of a grid, or some that are drawn from the domains."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simcore import engine
from simcore.errors import LimitError, SpecError
from simcore.problems import Hint, Problem
from simcore.refusals import nearest
from simcore.seeds import derive
from simcore.strategy.document import Param
from simcore.strategy.grid import lowered
from simcore.strategy.identity import identities
from simcore.strategy.strategy import Strategy

MAX_SETTINGS: Final = 10_000
# How many times as many settings are drawn as are wanted, before no more are found.
_DRAWS_A_SETTING: Final = 16

Grid = Mapping[str, Sequence[float] | NDArray[Any]]


@dataclass(frozen=True)
class Candidate:
    """One setting that can be run.

    Args:
        values: Of the parameters that vary, in their order.
        program_json: The strategy there.
        ir_hash: What identifies it.
        lookback_bars: First bar on which all that it reads has a value.
    """

    values: tuple[float, ...]
    program_json: str
    ir_hash: str
    lookback_bars: int


@dataclass(frozen=True)
class Candidates:
    """Every setting that a search tries.

    Args:
        names: The parameters that vary.
        widths: Width of the domain of each; 0 where it has none.
        settings: Distinct in what they do, in the order of their `ir_hash`.
    """

    names: tuple[str, ...]
    widths: tuple[float, ...]
    settings: tuple[Candidate, ...]


def candidates(
    strategy: Strategy, *, grid: Grid | None = None, n_settings: int = 64, seed: int = 0
) -> Candidates:
    """Return the settings to try.

    Args:
        strategy: What is searched.
        grid: Values by name of parameter; every combination that has a meaning is tried.
        n_settings: Without a grid, how many settings are drawn from the domains of the
            parameters that have both bounds; the author's own is the first of them. A strategy
            without such parameters has its own setting alone.
        seed: Of the draws, 0 to 2**53 - 1.

    Raises:
        SpecError: A name is no parameter, a value is no number or outside its domain, or no
            setting has a meaning.
        LimitError: More than 10,000 settings.
    """
    if grid is None:
        _check_count(n_settings, seed)
        names, settings = _drawn(strategy, n_settings, seed)
    else:
        names, settings = tuple(grid), _combined(grid)
    wanted = n_settings if grid is None else len(settings)
    legal = _legal(strategy, names, settings, wanted)
    if not legal:
        message = f"got {len(settings)} settings without a meaning, expected one that has one"
        raise SpecError([Problem("ARGUMENT", "GRID", message, "/grid", strategy.id)])
    found = identities(strategy, names, [values for values, _ in legal])
    by_hash: dict[str, Candidate] = {}
    for (values, text), known in zip(legal, found, strict=True):
        one = Candidate(values, text, known.ir_hash, known.lookback_bars)
        by_hash.setdefault(known.ir_hash, one)
    ordered = tuple(by_hash[ir_hash] for ir_hash in sorted(by_hash))
    return Candidates(names, _widths(strategy, names, settings), ordered)


def _legal(
    strategy: Strategy, names: Sequence[str], settings: Sequence[tuple[float, ...]], wanted: int
) -> list[tuple[tuple[float, ...], str]]:
    """Return the first so many settings that have a meaning, with their programs."""
    if not names:
        return [((), strategy.program_json)]
    legal: list[tuple[tuple[float, ...], str]] = []
    for start in range(0, len(settings), wanted):
        batch = settings[start : start + wanted]
        made = zip(batch, lowered(strategy, names, batch), strict=True)
        legal += [(values, each.program) for values, each in made if each.program is not None]
        if len(legal) >= wanted:
            break
    return legal[:wanted]


def objective_sign(name: str) -> float:
    """Return 1 for a metric of which more is better, -1 for one of which less is.

    Raises:
        SpecError: There is no such metric, or neither is better.
    """
    rows = (row for row in engine.catalogue()["metrics"] if row["in_summary"])
    better = {row["name"]: row["better"] for row in rows}
    signs = {"higher": 1.0, "lower": -1.0}
    sign = signs.get(better.get(name, "")) if isinstance(name, str) else None
    if sign is None:
        fit = [known for known, which in better.items() if which in signs]
        near = nearest(name, fit) if isinstance(name, str) else None
        message = f"got {name!r}, expected a metric that has a better side: {', '.join(fit)}"
        hints = (Hint(f'did you mean "{near}"?'),) if near else ()
        raise SpecError([Problem("ARGUMENT", "UNKNOWN_NAME", message, "/objective", hints=hints)])
    return sign


def _check_count(n_settings: int, seed: int) -> None:
    problems = [
        Problem("ARGUMENT", "OUT_OF_RANGE", f"got {value!r}, expected {expected}", f"/{name}")
        for name, value, least, most, expected in (
            ("n_settings", n_settings, 1, math.inf, "1 or more"),
            ("seed", seed, 0, 2**53 - 1, "a whole number, 0 to 2**53 - 1"),
        )
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most
    ]
    if problems:
        raise SpecError(problems)
    _check_size(n_settings)


def _check_size(n_settings: int) -> None:
    if n_settings > MAX_SETTINGS:
        message = f"grid: got {n_settings} settings, expected at most {MAX_SETTINGS}"
        raise LimitError("TOO_LARGE", message)


def _combined(grid: Grid) -> list[tuple[float, ...]]:
    problems = []
    for name, values in grid.items():
        path = f"/grid/{name}"
        if isinstance(values, str) or not hasattr(values, "__len__") or not len(values):
            message = f"got {values!r}, expected a list of one number or more"
            problems.append(Problem("ARGUMENT", "GRID", message, path))
            continue
        for index, value in enumerate(values):
            if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
                message = f"got {value!r}, expected a number"
                problems.append(Problem("ARGUMENT", "WRONG_TYPE", message, f"{path}/{index}"))
    if not grid:
        message = "got no parameter, expected one or more"
        problems.append(Problem("ARGUMENT", "GRID", message, "/grid"))
    if problems:
        raise SpecError(problems)
    _check_size(math.prod(len(values) for values in grid.values()))
    return list(itertools.product(*([float(value) for value in each] for each in grid.values())))


def _drawn(
    strategy: Strategy, n_settings: int, seed: int
) -> tuple[tuple[str, ...], list[tuple[float, ...]]]:
    """Return the author's setting and some that are drawn evenly from the domains."""
    params = strategy.model.params
    free = {
        name: (param, param.min, param.max)
        for name, param in params.items()
        if param.min is not None and param.max is not None and param.min < param.max
    }
    own = tuple(params[name].value for name in free)
    if not free:
        return (), [own]
    # The draws are those of a place that mutation never comes to: the seed is another.
    root = derive(seed, "search", strategy.struct_hash)
    n_drawn = _DRAWS_A_SETTING * n_settings
    columns = [
        _placed(param, low, high, engine.uniforms(root, "evolution", index, n_drawn))
        for index, (param, low, high) in enumerate(free.values())
    ]
    return tuple(free), list(dict.fromkeys([own, *zip(*columns, strict=True)]))


def _placed(param: Param, low: float, high: float, draws: NDArray[np.float64]) -> list[float]:
    """Return draws in (0, 1) as values of a parameter, each equally likely."""
    step = param.step or (1.0 if param.is_integer else None)
    if step is None:
        placed: NDArray[np.float64] = low + draws * (high - low)
    else:
        n_steps = math.floor((high - low) / step + 1e-9)
        placed = low + step * np.minimum(np.floor(draws * (n_steps + 1)), n_steps)
    values: list[float] = placed.tolist()
    return values


def _widths(
    strategy: Strategy, names: Sequence[str], settings: Sequence[Sequence[float]]
) -> tuple[float, ...]:
    widths = []
    for index, name in enumerate(names):
        low, high = strategy.model.params[name].min, strategy.model.params[name].max
        tried = [values[index] for values in settings]
        widths.append(
            high - low if low is not None and high is not None else max(tried) - min(tried)
        )
    return tuple(widths)
