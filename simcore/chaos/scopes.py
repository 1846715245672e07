"""Scopes of permits and kills: which orders they cover."""

from __future__ import annotations

from typing import Final

import polars as pl

# A scope is a number: what it is of in the upper half, which one in the lower.
GLOBAL: Final = 0
POOL: Final = 1
STRATEGY: Final = 2
ASSET: Final = 3
VENUE: Final = 4
_HALF: Final = 32

# Bears the intents that no strategy uttered: those of the kill switch.
NO_STRATEGY: Final = 65_535


def scope(of: int, which: int = 0) -> int:
    """Return the number of a scope."""
    return (of << _HALF) | which


def is_whole(number: int) -> bool:
    """Return whether the scope covers the whole book; there is one venue and one pool."""
    return number >> _HALF in (GLOBAL, VENUE, POOL)


def covers(scope: pl.Expr, strategy: pl.Expr, instrument: pl.Expr) -> pl.Expr:
    """Return whether a scope covers an order; one of unknown strategy counts as covered."""
    of = scope // (1 << _HALF)
    which = scope % (1 << _HALF)
    return (
        of.is_in([GLOBAL, VENUE, POOL])
        | ((of == STRATEGY) & (which == strategy).fill_null(True))
        | ((of == ASSET) & (which == instrument))
    )
