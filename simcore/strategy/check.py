"""A document to its meaning, stage by stage, or to everything that is wrong with it.

Stages: schema, grammar, functions and types, ranges, semantics. Each looks at the whole document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from simcore import documents
from simcore.documents import Loaded
from simcore.errors import SpecError
from simcore.problems import Hint, Problem
from simcore.strategy import grammar, semantics, trees
from simcore.strategy.document import MarketOrder, Param, PriceStop, StrategyDocument
from simcore.strategy.functions import Kind
from simcore.strategy.mending import Mender
from simcore.strategy.names import bound
from simcore.strategy.nodes import Graph, Node
from simcore.strategy.problems import Findings, Stage, added
from simcore.strategy.ranges import check_ranges
from simcore.strategy.resolve import Expression, Meaning, Resolver

NODES_MAX_RULE: Final = 512
NODES_MAX: Final = 4096
WORDS_MAX: Final = 8192


def check_strategy(
    document: Any, *, n_bars: int | None = None, home: str | Path | None = None
) -> list[Problem]:
    """Return what is wrong with a strategy document, in its own order; empty if nothing is.

    Args:
        document: A mapping, an id, a path or a text (see `simcore.documents.read`).
        n_bars: Length of the series it shall run on; None checks against 5000 bars.
        home: Folder whose documents join the library's; None for the library alone.

    Returns:
        Every error of the first stage that has one, else the warnings. Whatever the document,
        this returns: a failure of ours is a problem too, ``DSL_INTERNAL``.
    """
    try:
        loaded, model = read(document, home=home)
        return examine(loaded, model, n_bars=n_bars)[1]
    except SpecError as refusal:
        return list(refusal.problems)
    except Exception as bug:  # noqa: BLE001 — a strange document is told of, not crashed on
        message = f"this is a bug of Proving Ground: {type(bug).__name__}: {bug}"
        return [Problem("DSL_INTERNAL", "BUG", message)]


def read(document: Any, *, home: str | Path | None = None) -> tuple[Loaded, StrategyDocument]:
    """Return the document as it was written and as a model.

    Raises:
        SpecError: It cannot be read, or a field is missing, unknown or of the wrong type.
    """
    loaded = documents.read(document, "strategies", home=home)
    return loaded, documents.parse(StrategyDocument, loaded, "DSL_SCHEMA_INVALID")


def examine(
    loaded: Loaded, model: StrategyDocument, *, n_bars: int | None = None
) -> tuple[Meaning | None, list[Problem]]:
    """Return what a document means, None if it is refused, and what there is to say of it."""
    findings = Findings(loaded.document, loaded.source)
    meaning = _examined(model, findings, n_bars)
    told = _told(loaded, model, findings)
    return (None if findings.n_errors else meaning), told


def understood(loaded: Loaded, model: StrategyDocument) -> Meaning:
    """Return what a document means; nobody is told of what is only a warning.

    Raises:
        SpecError: With every error of the first stage that has one.
    """
    findings = Findings(loaded.document, loaded.source)
    meaning = _examined(model, findings, None)
    if meaning is None or findings.n_errors:
        told = _told(loaded, model, findings)
        raise SpecError([problem for problem in told if problem.severity == "error"])
    return meaning


def _told(loaded: Loaded, model: StrategyDocument, findings: Findings) -> list[Problem]:
    told = loaded.placed(findings.told())
    if not findings.n_errors:
        return told
    mender = Mender(loaded.document, model)
    return [mender.mended(problem) for problem in told]


def _examined(model: StrategyDocument, findings: Findings, n_bars: int | None) -> Meaning | None:
    _check_orders(model, findings)
    if findings.n_errors:
        return None
    _check_length(model, findings)
    if findings.n_errors:
        return None
    expressions = _parsed(model, findings)
    if findings.n_errors:
        return None
    return resolve(model, expressions, findings, n_bars=n_bars)


def resolve(
    model: StrategyDocument,
    expressions: tuple[Expression, ...],
    findings: Findings,
    *,
    n_bars: int | None = None,
) -> Meaning:
    """Return what parsed texts mean with the model's parameters, and note what is wrong."""
    graph = Graph()
    names = bound(graph, model.params)
    nodes: dict[str, Node] = {}
    used: dict[str, None] = {}
    _check_complexity(expressions, findings)
    if findings.n_errors:
        # Whoever writes too much is told that alone: to look at the rest would take too long.
        return Meaning(model, expressions, graph, nodes, ())
    for expression in expressions:
        n_errors = findings.n_errors
        resolver = Resolver(graph, names, findings, expression)
        node = resolver.whole()
        is_constraint = expression.path.startswith("/constraints/")
        if is_constraint and node is not None and node.op != "bool":
            message = "reads a series, expected parameters and numbers only"
            findings.add("NON_CONST_ARG", message, expression.path, expression.tree.span)
        # Nothing more is said of a text that was mended only to be read on.
        if node is not None and findings.n_errors == n_errors:
            nodes[expression.path] = node
        if not is_constraint:
            used |= {name: None for name in resolver.used if name in model.params}
    check_ranges(model, findings)
    meaning = Meaning(model, expressions, graph, nodes, tuple(used))
    if findings.is_sound_before(Stage.SEMANTICS):
        semantics.check(meaning, findings, n_bars)
    return meaning


def parsed(path: str, text: str, wanted: Kind, source: str = "") -> Expression:
    """Return one text with its tree.

    Raises:
        SpecError: The text cannot be read.
    """
    return Expression(path, text, wanted, grammar.parse(text, path=path, source=source))


def with_params(model: StrategyDocument, values: Mapping[str, float]) -> StrategyDocument:
    """Return the model with other values of its parameters, each of which it has."""
    params: dict[str, Param] = {
        name: param.model_copy(update={"value": float(values[name])}) if name in values else param
        for name, param in model.params.items()
    }
    return model.model_copy(update={"params": params})


def _check_orders(model: StrategyDocument, findings: Findings) -> None:
    """Note orders whose fields do not fit each other or the rule."""
    for index, rule in enumerate(model.rules):
        path = f"/rules/{index}/order"
        order = rule.order
        if order is None or isinstance(order, MarketOrder):
            continue
        if rule.then not in ("buy", "sell"):
            message = f"`{rule.then}` is done at the market, expected no {order.type} order"
            hint = Hint("remove the order", ({"op": "remove", "path": path},))
            findings.add("UNKNOWN_FIELD", message, path, None, hint)
        elif order.price is None and order.offset_bps is None:
            hint = Hint("add offset_bps", added(f"{path}/offset_bps", 10))
            message = "got no level, expected price or offset_bps"
            findings.add("MISSING_FIELD", message, f"{path}/price", None, hint)
        elif order.price is not None and order.offset_bps is not None:
            hint = Hint("remove one", ({"op": "remove", "path": f"{path}/offset_bps"},))
            message = "got price and offset_bps, expected one of them"
            findings.add("UNKNOWN_FIELD", message, f"{path}/offset_bps", None, hint)


def _check_length(model: StrategyDocument, findings: Findings) -> None:
    """Note more text than is ever read; nothing else is then said of any of it."""
    texts = [text for _, text, _ in _texts(model)]
    if sum(map(len, texts)) <= WORDS_MAX:
        return
    n_words = sum(map(grammar.n_words, texts))
    if n_words > WORDS_MAX:
        message = f"got {n_words} words and signs in all texts, expected at most {WORDS_MAX}"
        findings.add("COMPLEXITY", message, "/rules")


def _parsed(model: StrategyDocument, findings: Findings) -> tuple[Expression, ...]:
    expressions = []
    for path, text, wanted in _texts(model):
        try:
            expressions.append(parsed(path, text, wanted, findings.source))
        except SpecError as refusal:
            findings.take(refusal.problems)
    return tuple(expressions)


def _texts(model: StrategyDocument) -> Iterator[tuple[str, str, Kind]]:
    """Yield every rule text with its place and what it must give."""
    for index, rule in enumerate(model.rules):
        yield f"/rules/{index}/if", rule.condition, "bool"
        order = rule.order
        if order is not None and not isinstance(order, MarketOrder) and order.price is not None:
            yield f"/rules/{index}/order/price", order.price, "num"
    if model.risk is not None:
        for name in ("stop", "take_profit"):
            level = getattr(model.risk, name)
            if isinstance(level, PriceStop):
                yield f"/risk/{name}/expr", level.expr, "num"
    for index, text in enumerate(model.constraints):
        yield f"/constraints/{index}", text, "bool"


def _check_complexity(expressions: Sequence[Expression], findings: Findings) -> None:
    n_all = 0
    for expression in expressions:
        n_nodes = trees.n_nodes(expression.tree)
        n_all += n_nodes
        if n_nodes > NODES_MAX_RULE:
            message = f"got {n_nodes} parts, expected at most {NODES_MAX_RULE}"
            findings.add("COMPLEXITY", message, expression.path, expression.tree.span)
    if n_all > NODES_MAX:
        message = f"got {n_all} parts in all texts, expected at most {NODES_MAX}"
        findings.add("COMPLEXITY", message, "/rules")
