"""The order book of an arena as its author writes it, and what cannot go with one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field

from simcore.backtests.request import ExecutionArgument, execution_fields, execution_name
from simcore.seeds import jcs, sha256_hex
from simcore.tournaments.part import Part

FITTING: Final = (
    ("impact", "none", "the book has it"),
    ("participation", None, "the book has its depth"),
    ("market_fill", "open", "the auction is there"),
)
"""Fields of an execution, what they must be, and why."""


class Book(Part):
    """Orders that rest around the undisturbed price, and how long it remembers being moved.

    Args:
        depth_base_per_bps: What it takes to move the price by a basis point of its logarithm, in
            base units.
        permanent_fraction: Share of a move that stays for good.
        half_life_bars: Bars in which the rest of it halves; 0 forgets it by the next bar.
    """

    depth_base_per_bps: Annotated[float, Field(gt=0.0, le=1e15)]
    permanent_fraction: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    half_life_bars: Annotated[float, Field(ge=0.0, le=1e6)] = 10.0

    def fields(self) -> dict[str, float]:
        """Every field, as the engine reads them."""
        return {name: float(value) for name, value in self.model_dump().items()}


def misfits(execution: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return each field of an execution that says again, or otherwise, what a book says.

    Args:
        execution: Every field of it.

    Returns:
        Name, what is there, and what should be.
    """
    return [
        (name, repr(execution[name]), f"{fitting!r}: {reason}")
        for name, fitting, reason in FITTING
        if execution[name] != fitting
    ]


def arena_name(execution: ExecutionArgument, book: Book) -> str:
    """Return what the runs of an arena are made under, in tables: the execution and the book."""
    return f"{execution_name(execution)}@{sha256_hex(jcs(book.fields()))[:12]}"


def arena_hash(execution: ExecutionArgument, book: Book) -> str:
    """Return the hash of every field of an execution and of a book."""
    return sha256_hex(jcs({"execution": execution_fields(execution), "book": book.fields()}))
