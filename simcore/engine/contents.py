"""What the engine holds, and which build of it this is."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from simcore import _engine


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
