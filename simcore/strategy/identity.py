"""What identifies a strategy at many parameter settings, without compiling each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simcore.strategy import program
from simcore.strategy.check import with_params
from simcore.strategy.names import bound
from simcore.strategy.nodes import Graph
from simcore.strategy.problems import Findings
from simcore.strategy.resolve import Meaning, Resolver
from simcore.strategy.strategy import Strategy


@dataclass(frozen=True)
class Identity:
    """One setting of a strategy.

    Args:
        ir_hash: SHA-256 of what the strategy does there.
        lookback_bars: First bar on which all that it reads has a value.
    """

    ir_hash: str
    lookback_bars: int


def identities(
    strategy: Strategy, names: Sequence[str], settings: Sequence[Sequence[float]]
) -> list[Identity]:
    """Return what `bind` would say of each setting.

    Args:
        strategy: Gives the rules, and the values of parameters that are not named.
        names: Parameters that vary, each once.
        settings: Their values, one for each name; settings for which `grid.lowered` has a
            program.
    """
    graph = Graph()  # one for all, since most of what the settings read is the same
    findings = Findings(strategy.document, strategy.id)
    found = []
    for values in settings:
        model = with_params(strategy.model, dict(zip(names, values, strict=True)))
        known = bound(graph, model.params)
        nodes = {
            expression.path: node
            for expression in strategy.expressions
            if (node := Resolver(graph, known, findings, expression).whole()) is not None
        }
        meaning = Meaning(model, strategy.expressions, graph, nodes, used=())
        found.append(Identity(program.ir_hash(meaning), program.lookback_bars(meaning)))
    return found
