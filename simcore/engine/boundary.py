"""What every call of the engine crosses: columns as they come and go, refusals made ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

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
def refusals() -> Iterator[None]:
    """Raise what the engine refuses as this project's error, with the engine's code."""
    try:
        yield
    except _engine.RefusalError as refusal:
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
