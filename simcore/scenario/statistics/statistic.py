"""What a statistic is: a function of a sample, and how its value is to be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from simcore.scenario.statistics.sample import Estimate


@dataclass(frozen=True)
class Statistic:
    """One row of the table.

    Args:
        function: Takes a `Sample` and the law's arguments.
        kind: ``estimate``; ``p_value``, which chance alone makes small once in so many samples;
            ``deviate``, the largest of several standard normal deviates, which chance makes large.
    """

    function: Callable[..., Estimate]
    kind: Literal["estimate", "p_value", "deviate"] = "estimate"

    @property
    def name(self) -> str:
        """Name by which laws ask for it."""
        return self.function.__name__

    @property
    def meaning(self) -> str:
        """One sentence, from the function's own words."""
        return (self.function.__doc__ or "").splitlines()[0].removeprefix("Return ")
