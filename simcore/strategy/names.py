"""What the names of rule text stand for: series, the account, and parameters as constants."""

from __future__ import annotations

from collections.abc import Mapping

from simcore import engine
from simcore.strategy.document import SERIES, Param
from simcore.strategy.nodes import Graph, Node


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
