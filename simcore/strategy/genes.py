"""What crossing and mutation share: parameters as genes, their domains, and the second try."""

from __future__ import annotations

import math
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

from simcore.errors import SpecError
from simcore.strategy.document import Param
from simcore.strategy.strategy import Strategy, compile_strategy

PURPOSE: Final = "evolution"
"""What the draws are for; a part of their address."""

REDRAWS_MAX: Final = 16


def lane(*words: str) -> int:
    """Return the series of draws that a text names: 64 bits of its hash."""
    return int.from_bytes(sha256(":".join(words).encode()).digest()[:8], "little")


def first_that_compiles(make: Callable[[int], dict[str, Any]], otherwise: Strategy) -> Strategy:
    """Return the first of several drawn documents that the language allows.

    Args:
        make: The document of a try, from its number.
        otherwise: What stands in where none of 17 is allowed.
    """
    for attempt in range(1 + REDRAWS_MAX):
        try:
            return compile_strategy(make(attempt))
        except SpecError:
            continue  # A draw that breaks a rule of the language is drawn again.
    return otherwise


def settled(value: float, domain: Param, *, is_integer: bool) -> float | int:
    """Return the value of a domain nearest to a drawn one: on its steps, whole where it must be.

    Args:
        value: What was drawn.
        domain: Its minimum, maximum and step; each may be missing.
        is_integer: Whether only whole numbers are legal; halves go to the even one.
    """
    low, high = domain.min, domain.max
    if domain.step is not None and low is not None:
        value = low + round((value - low) / domain.step) * domain.step
    if is_integer:
        value = float(round(value))
    value = value if low is None else max(value, low)
    value = value if high is None else min(value, high)
    return int(value) if is_integer else value


def reflected(value: float, low: float, high: float) -> float:
    """Return a value mirrored at two bounds until it lies between them."""
    if low <= value <= high:
        return value
    width = high - low
    if width <= 0.0:
        return low
    offset = math.fmod(abs(value - low), 2.0 * width)
    return min(high, low + (offset if offset <= width else 2.0 * width - offset))


def with_value(stated: Any, value: float | int) -> Any:
    """Return a parameter as a document states it, with another value."""
    return {**stated, "value": value} if isinstance(stated, dict) else value
