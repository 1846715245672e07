"""What the names of rule text stand for: series, the account, and parameters as constants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from simcore import engine
from simcore.spelling import is_sure, nearest
from simcore.strategy.document import SERIES, Param
from simcore.strategy.nodes import Graph, Node

# What other languages call a series, a function or an output, and what it is called here.
_ALIASES: Final[Mapping[str, str]] = {
    **{name[0]: name for name in SERIES},
    "vol": "volume",
    **dict.fromkeys(("sma", "avg", "mean", "average"), "ma"),
    **dict.fromkeys(("std", "stddev"), "stdev"),
    **dict.fromkeys(("hist", "histogram"), "hist"),
    **dict.fromkeys(("crossup", "cross_over", "cross_up", "crosses_above"), "crossover"),
    **dict.fromkeys(("cross_above", "crossabove", "crossesabove"), "crossover"),
    **dict.fromkeys(("crossdown", "cross_under", "cross_down", "crosses_below"), "crossunder"),
    **dict.fromkeys(("cross_below", "crossbelow", "crossesbelow"), "crossunder"),
    **dict.fromkeys(("bb", "bollinger", "bollinger_bands"), "bbands"),
    "momentum": "mom",
    "hhv": "highest",
    "llv": "lowest",
    **dict.fromkeys(("middle", "basis"), "mid"),
    "stochastic": "stoch",
    "williams_r": "willr",
    "bars_since": "barssince",
}


def meant_here(name: str, known: Iterable[str]) -> tuple[str | None, bool]:
    """Return the known name that was probably meant, and whether that may be written unasked.

    The name in other letters, what another language calls so, or the nearest in spelling.
    """
    names, plain = tuple(sorted(known)), name.lower()
    for candidate in (plain, _ALIASES.get(plain)):
        if candidate in names:
            return candidate, True
    return nearest(plain, names), is_sure(plain, names)


def is_of_account(name: str) -> bool:
    """Whether a name is of what the account holds, which only a run knows."""
    return any(row["name"] == name for row in engine.catalogue()["account"])


def series(graph: Graph) -> dict[str, Node]:
    """Return the names of what is known of a bar: its columns, and what follows from them."""
    columns = {name: graph.price(name) for name in SERIES}
    return columns | _named(graph, "series")


def bound(graph: Graph, params: Mapping[str, Param]) -> dict[str, Node]:
    """Return every name that rule text may use, each parameter as the value it has."""
    constants = {name: graph.const(param.value) for name, param in params.items()}
    return series(graph) | _named(graph, "account") | constants


def _named(graph: Graph, table: str) -> dict[str, Node]:
    return {row["name"]: graph.named(table, row["name"]) for row in engine.catalogue()[table]}
