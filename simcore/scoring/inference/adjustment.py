"""P-values of many tests, each raised so that it may be read as if it stood alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simcore.scoring.inference.sample import is_level, refuse

Method = Literal["holm", "bh", "by"]


@dataclass(frozen=True)
class Adjusted:
    """Adjusted p-values and what they reject.

    Args:
        p_values: By name, in the order they were given.
        rejected: Names whose adjusted p-value is at most alpha, in that order.
        method: ``holm`` bounds the chance of one or more false rejections, whatever the tests
            share; ``bh`` the share of false ones among the rejections, if the tests are
            independent or rise together; ``by`` the same whatever they share.
        alpha: The bound.
    """

    p_values: dict[str, float]
    rejected: tuple[str, ...]
    method: Method
    alpha: float


def adjusted(
    p_values: Mapping[str, float], *, method: Method = "holm", alpha: float = 0.05
) -> Adjusted:
    """Return p-values adjusted for their number.

    Args:
        p_values: By name of entry, each 0 to 1; one or more.
        method: ``holm``, ``bh`` or ``by``.
        alpha: Level of the rejections, between 0 and 1.

    Raises:
        SpecError: No p-values, one outside 0 to 1 or not a number, an unknown method.

    Source:
        Holm (1979), Scandinavian J. Statistics 6; Benjamini and Hochberg (1995), J. Royal
        Statistical Society B 57(1); Benjamini and Yekutieli (2001), Annals of Statistics 29(4).
    """
    wrong = []
    if method not in ("holm", "bh", "by"):
        wrong.append(("/method", repr(method), "holm, bh or by"))
    if not is_level(alpha):
        wrong.append(("/alpha", repr(alpha), "a number between 0 and 1"))
    if not isinstance(p_values, Mapping):
        wrong.append(("/p_values", type(p_values).__name__, "numbers by name of entry"))
        refuse(wrong)
    if not p_values:
        wrong.append(("/p_values", "none", "one or more"))
    for name, p in p_values.items():
        is_number = isinstance(p, int | float | np.number) and not isinstance(p, bool)
        if not is_number or not 0.0 <= p <= 1.0:
            wrong.append((f"/p_values/{name}", repr(p), "a number from 0 to 1"))
    refuse(wrong)
    values = np.abs(np.array(list(p_values.values()), dtype=np.float64))  # -0.0 is 0
    if method == "holm":
        raised = _holm(values)
    else:
        from scipy.stats import false_discovery_control

        raised = false_discovery_control(values, method=method)
    found = dict(zip(p_values, raised.tolist(), strict=True))
    return Adjusted(found, tuple(name for name, p in found.items() if p <= alpha), method, alpha)


def _holm(
    p_values: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The smallest times their number, the next times one fewer, and never falling."""
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    raised = np.empty_like(p_values)
    raised[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1.0)
    return raised
