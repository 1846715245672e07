"""What a backtest is asked: the execution it assumes, the bars it reads, and the hash of it all.

Nothing here runs anything; `simcore.backtests.run` does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, Final

import numpy as np

from simcore import engine
from simcore.documents import nearest
from simcore.errors import EngineError, SpecError
from simcore.problems import Hint, Problem
from simcore.seeds import jcs, sha256_hex

ExecutionArgument = str | Mapping[str, Any]

_EITHER_SIGN: Final = ("funding_bps_year", "cash_rate_year")
"""Fields that may be negative: who is paid by them changes with their sign."""

METRICS_VERSION: Final = "0.1"

BARS_PER_YEAR_MAX: Final = 366 * 86_400 * 1_000
"""A bar a millisecond of a leap year; what is annualised by more is a mistake of units."""


def check_bars_per_year(value: Any) -> None:
    """Refuse what is no number of bars that a year can have.

    Raises:
        SpecError: WRONG_TYPE, OUT_OF_RANGE.
    """
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not is_number or not 0.0 < value <= BARS_PER_YEAR_MAX:
        reason = "OUT_OF_RANGE" if is_number else "WRONG_TYPE"
        got = value if is_number else repr(value)
        message = f"got {got}, expected a finite number above 0, at most {BARS_PER_YEAR_MAX}"
        raise SpecError([Problem("DOC_INVALID", reason, message, path="/bars_per_year")])


def execution_fields(profile: ExecutionArgument) -> dict[str, Any]:
    """Return every field of an execution profile.

    Args:
        profile: A profile's name, or ``{"base": name, **overrides}``.

    Raises:
        SpecError: An unknown profile or field, or a value of the wrong kind or below its limit;
            all of them at once.
    """
    fields: dict[str, Any] = json.loads(execution_json(profile))
    return fields


def execution_json(profile: ExecutionArgument) -> str:
    """Return what `execution_fields` returns, as the JSON text that the engine reads."""
    if isinstance(profile, str):
        return _named(profile)
    if not isinstance(profile, Mapping):
        message = f'got {profile!r}, expected a profile\'s name or a mapping with "base"'
        raise SpecError([Problem("DOC_INVALID", "WRONG_TYPE", message, path="/execution")])
    if not all(isinstance(value, str | int | float | None) for value in profile.values()):
        _overridden(profile)  # refuses every value that is neither word, number nor null
    # Types are part of the key, since True equals 1 and is no number of bars.
    return _overridden_json(tuple((name, type(value), value) for name, value in profile.items()))


@lru_cache(maxsize=64)
def _overridden_json(items: tuple[tuple[str, type, Any], ...]) -> str:
    return json.dumps(_overridden({name: value for name, _, value in items}))


def _refused_by_engine(fields: Mapping[str, Any]) -> str | None:
    """What the engine says of an execution that it does not take; None where it does."""
    try:
        engine.backtest((), json.dumps(fields), (), (), initial_cash=1.0, bars_per_year=())
    except EngineError as refused:
        return refused.message
    return None


def _engine_problems(
    base: Mapping[str, Any], fields: Mapping[str, Any], wrong: Collection[str]
) -> list[Problem]:
    """Problems of fields that only the engine knows the words and bounds of, each at its place.

    Args:
        base: The profile, which is right.
        fields: The same with overrides.
        wrong: Names whose values are refused already.
    """
    changed = {name: value for name, value in fields.items() if name not in wrong}
    whole = _refused_by_engine({**base, **changed})
    if whole is None:
        return []
    problems = []
    for name, value in changed.items():
        said = None if value == base[name] else _refused_by_engine({**base, name: value})
        if said is not None:
            is_word = isinstance(base[name], str)
            reason = "BAD_ENUM" if is_word else "OUT_OF_RANGE"
            message = said.removeprefix(f"/{name}: ")
            problems.append(Problem("DOC_INVALID", reason, message, path=f"/execution/{name}"))
    # No field is wrong alone: it is how they go together.
    return problems or [Problem("DOC_INVALID", "BAD_ENUM", whole, path="/execution")]


def execution_name(profile: ExecutionArgument) -> str:
    """Return the name of an execution in tables: the profile's, and a hash of overrides if any."""
    if isinstance(profile, str):
        return profile
    base = str(profile.get("base"))
    fields = execution_fields(profile)
    return base if fields == execution_fields(base) else f"{base}+{sha256_hex(jcs(fields))[:12]}"


@lru_cache(maxsize=64)
def _named(name: str) -> str:
    return json.dumps(_profile(name, path="/execution"))


def _profile(name: Any, path: str) -> dict[str, Any]:
    profiles = engine.catalogue()["executions"]
    if isinstance(name, str) and name in profiles:
        fields: dict[str, Any] = profiles[name]
        return fields
    raise SpecError([_unknown("UNKNOWN_ID", "profile", name, sorted(profiles), path)])


def _overridden(profile: Mapping[str, Any]) -> dict[str, Any]:
    if "base" not in profile:
        message = 'got no "base", expected the name of a profile'
        raise SpecError([Problem("DOC_INVALID", "MISSING_FIELD", message, path="/execution/base")])
    base = _profile(profile["base"], path="/execution/base")
    fields = dict(base)
    problems = []
    for name, value in profile.items():
        if name == "base":
            continue
        path = f"/execution/{name}"
        if name not in fields:
            problems.append(_unknown("UNKNOWN_FIELD", "field", name, sorted(fields), path))
            continue
        problem = _value_problem(name, value, fields[name])
        if problem is not None:
            reason, expected = problem
            message = f"got {value!r}, expected {expected}"
            problems.append(Problem("DOC_INVALID", reason, message, path=path))
            continue
        is_real = value is not None and not isinstance(fields[name], str | int)
        fields[name] = float(value) if is_real else value
    wrong = {problem.path.removeprefix("/execution/") for problem in problems}
    problems += _engine_problems(base, fields, wrong)
    if problems:
        raise SpecError(problems)
    return fields


def _value_problem(name: str, value: Any, default: Any) -> tuple[str, str] | None:
    """Reason and expectation if a value is not of its default's kind, or below its limit."""
    if isinstance(default, str):
        return None if isinstance(value, str) else ("WRONG_TYPE", "a name")
    if value is None and default is None:
        return None
    is_count = isinstance(default, int)
    kind = "an integer" if is_count else "a number" if default is not None else "a number or null"
    is_number = isinstance(value, int if is_count else int | float) and not isinstance(value, bool)
    if not is_number:
        return "WRONG_TYPE", kind
    if name == "participation" and not 0 < value <= 1:
        return "OUT_OF_RANGE", f"{kind} above 0, 1 at most"
    if name in _EITHER_SIGN:
        return None if math.isfinite(value) else ("OUT_OF_RANGE", f"{kind}, finite")
    minimum = 1 if is_count else 0
    if not math.isfinite(value) or value < minimum:
        return "OUT_OF_RANGE", f"{kind}, {minimum} or more"
    return None


def _unknown(reason: str, kind: str, name: Any, known: list[str], path: str) -> Problem:
    close = nearest(name, known) if isinstance(name, str) else None
    return Problem(
        "DOC_INVALID",
        reason,
        f"{kind} {name!r} is not known, expected one of {', '.join(known)}",
        path=path,
        hints=(Hint(f'did you mean "{close}"?'),) if close else (),
    )


def signature(
    *,
    ir_hash: str,
    scenario_hash: str | None,
    dataset_hash: str,
    path: int,
    execution: Mapping[str, Any],
    initial_cash: float,
    bars_per_year: float,
    engine_version: str,
    libm_profile: str,
) -> str:
    """Return the hash of everything that a run depends on: equal signatures, equal bytes.

    Args:
        ir_hash: Of the compiled program.
        scenario_hash: Null for bars that no scenario made.
        dataset_hash: Of the bars of every path.
        path: Which of the paths.
        execution: Every field of the profile.
        initial_cash: In quote currency.
        bars_per_year: What annualises the ratios; bare bars do not tell.
        engine_version: Version and digest of the engine.
        libm_profile: Which exponentials and logarithms the bars were made with.
    """
    fields: dict[str, str | int | float | None] = {
        "ir_hash": ir_hash,
        "scenario_hash": scenario_hash,
        "dataset_hash": dataset_hash,
        "path": path,
        "initial_cash": initial_cash,
        "finalize": execution["finalize"],
        "bars_per_year": bars_per_year,
        "engine_version": engine_version,
        "metrics_version": METRICS_VERSION,
        "libm_profile": libm_profile,
    }
    written = {name: _canonical(value) for name, value in fields.items()}
    written["exec_profile"] = _canonical_table(tuple(sorted(execution.items())))
    # Runs by the thousand differ in a field or two: the others are written once.
    members = (_canonical(name) + b":" + value for name, value in sorted(written.items()))
    return sha256_hex(b"{" + b",".join(members) + b"}")


@lru_cache(maxsize=1 << 14)
def _canonical(value: str | int | float | None) -> bytes:
    return jcs(value)


@lru_cache(maxsize=64)
def _canonical_table(items: tuple[tuple[str, Any], ...]) -> bytes:
    return jcs(dict(items))
