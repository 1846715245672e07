"""Meaning to identity and to the flat program that the engine runs.

Two hashes name a strategy: `ir_hash` what it does, `struct_hash` the family it belongs to, which is
the same with parameters as symbols. Both are blind to names, order of keys and spelling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from simcore.seeds import jcs, sha256_hex
from simcore.strategy.document import Part, Risk, StrategyDocument
from simcore.strategy.functions import functions
from simcore.strategy.names import bound
from simcore.strategy.nodes import Graph, Node
from simcore.strategy.problems import Findings
from simcore.strategy.resolve import Expression, Meaning, Resolver

SEMANTICS: Final = "strategy/0.1"
SCHEMA: Final = "program/0.1"

Refer = Callable[[Node], Any]
"""How a node is named where it is used: by its digest or by its slot."""


def ir_hash(meaning: Meaning) -> str:
    """Return the digest of what a strategy does."""
    return _hash(meaning.model, _rooted(meaning), {"bound": True})


def struct_hash(meaning: Meaning) -> str:
    """Return the digest of a strategy with its parameters as symbols, with their domains.

    Symbols are numbered by first use in the text, so their names do not matter.
    """
    graph = Graph()
    symbols = {name: graph.param(index) for index, name in enumerate(meaning.used)}
    # A parameter that decides nothing may still stand in a constraint.
    names = bound(graph, meaning.model.params) | symbols
    findings = Findings({}, "")
    roots = {
        expression.path: node
        for expression in meaning.expressions
        if (node := _symbolic(graph, names, findings, expression)) is not None
    }
    add_risk(meaning.model, graph, roots)
    domains = [meaning.model.params[name].domain for name in meaning.used]
    return _hash(meaning.model, roots, {"bound": False, "domains": domains})


def program_json(meaning: Meaning) -> str:
    """Return the program, in canonical JSON; it depends on what `ir_hash` depends on alone."""
    roots = _rooted(meaning)
    steps = in_order(node for path, node in roots.items() if not path.startswith("/constraints/"))
    slots = {node.digest: slot for slot, node in enumerate(steps)}

    def refer(node: Node) -> int:
        return slots[node.digest]

    rules = []
    for index, rule in enumerate(meaning.model.rules):
        condition = roots[f"/rules/{index}/if"]
        order = order_json(meaning.model, index, roots, refer)
        rules.append({"if": refer(condition), "then": rule.then, "order": order})
    program = {
        "schema": SCHEMA,
        "timeframe": meaning.model.timeframe,
        "code": [instruction(node, refer) for node in steps],
        "rules": rules,
        "risk": risk_json(meaning.model.risk or Risk(), roots, refer),
        "output": None,
    }
    return jcs(program).decode()


def output_program_json(node: Node) -> str:
    """Return a program without rules that gives one column."""
    steps = in_order([node])
    slots = {each.digest: slot for slot, each in enumerate(steps)}
    sizing = {"type": "pct_equity", "value": 100}
    program = {
        "schema": SCHEMA,
        "timeframe": "1h",
        "code": [instruction(each, lambda child: slots[child.digest]) for each in steps],
        "rules": [],
        "risk": {"sizing": sizing},
        "output": slots[node.digest],
    }
    return jcs(program).decode()


def lookback_bars(meaning: Meaning) -> int:
    """Return the first bar on which everything that rules, orders and stop read has a value."""
    return max((node.lookback_bars for node in _rooted(meaning).values()), default=0)


def _symbolic(
    graph: Graph, names: Mapping[str, Node], findings: Findings, expression: Expression
) -> Node | None:
    return Resolver(graph, names, findings, expression).whole()


def _rooted(meaning: Meaning) -> dict[str, Node]:
    """Return the nodes of all texts, and of what risk reads and is written without text."""
    roots = dict(meaning.nodes)
    add_risk(meaning.model, meaning.graph, roots)
    return roots


_LEVELS: Final = ("stop", "take_profit", "trailing")


def add_risk(model: StrategyDocument, graph: Graph, roots: dict[str, Node]) -> None:
    """Add what risk reads to `roots`, as ``/risk/stop`` and so on: ranges, prices, volatility."""
    risk = model.risk or Risk()
    for name in _LEVELS:
        level, path = getattr(risk, name), f"/risk/{name}"
        if level is not None and level.type == "atr":
            roots[path] = graph.indicator(functions()["atr"], (), (graph.const(level.n),))
        elif level is not None and level.type == "price":
            roots[path] = roots[f"{path}/expr"]
    if risk.sizing is not None and risk.sizing.type == "vol_target":
        n = graph.const(risk.sizing.n)
        roots["/risk/sizing"] = graph.indicator(functions()["realized_vol"], (), (n,))


def _hash(model: StrategyDocument, roots: Mapping[str, Node], more: Mapping[str, Any]) -> str:
    def refer(node: Node) -> str:
        return node.digest

    rules = [
        [roots[f"/rules/{i}/if"].digest, rule.then, order_json(model, i, roots, refer)]
        for i, rule in enumerate(model.rules)
    ]
    identity = {
        "semantics": SEMANTICS,
        "timeframe": model.timeframe,
        "rules": rules,
        "risk": risk_json(model.risk or Risk(), roots, refer),
        **more,
    }
    return sha256_hex(jcs(identity))


def order_json(
    model: StrategyDocument, index: int, roots: Mapping[str, Node], refer: Refer
) -> dict[str, Any]:
    """Return the order of one rule, with every node named by `refer`."""
    order = model.rules[index].order
    # Whatever is stated goes along, so that no field can be overlooked.
    stated: dict[str, Any] = {"type": "market"}
    if order is not None:
        stated = order.model_dump(exclude_none=True)
    if "price" in stated:
        stated["price"] = refer(roots[f"/rules/{index}/order/price"])
    if "tif_bars" in stated:
        stated["tif_bars"] = int(stated["tif_bars"])
    return stated


def risk_json(risk: Risk, roots: Mapping[str, Node], refer: Refer) -> dict[str, Any]:
    """Return the limits of risk with every default filled in and every node named by `refer`.

    An exit that came to the language later leaves no trace where it is not asked for, so that an
    older document stays what it was.
    """
    stated: dict[str, Any] = {
        "sizing": _measured(risk.sizing, "/risk/sizing", roots, refer),
        "stop": _measured(risk.stop, "/risk/stop", roots, refer),
        "max_holding_bars": _count(risk.max_holding_bars),
        "cooldown_bars": _count(risk.cooldown_bars),
        "max_leverage": risk.max_leverage,
        "allow_short": risk.allow_short,
        "on_opposite": risk.on_opposite,
        "max_daily_loss_pct": risk.max_daily_loss_pct,
        "max_adds": int(risk.max_adds),
    }
    later = {
        name: _measured(getattr(risk, name), f"/risk/{name}", roots, refer)
        for name in _LEVELS
        if name != "stop"
    }
    return stated | {name: level for name, level in later.items() if level is not None}


def _measured(
    part: Part | None, path: str, roots: Mapping[str, Node], refer: Refer
) -> dict[str, Any] | None:
    """Return a size or a level, with the column it reads in place of how that is computed."""
    if part is None:
        return None
    stated = part.model_dump()
    if path not in roots:
        return stated
    rest = {name: value for name, value in stated.items() if name not in ("n", "expr")}
    return rest | {"slot": refer(roots[path])}


def _count(value: float | None) -> int | None:
    return None if value is None else int(value)


def in_order(roots: Iterable[Node]) -> list[Node]:
    """Return everything that the roots read, each once, what is read before what reads it.

    Sorted by depth and digest, so that the spelling of a document leaves no trace.
    """
    reached: dict[str, Node] = {}
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        if node.digest not in reached:
            reached[node.digest] = node
            waiting.extend(columns_read(node))
    return sorted(reached.values(), key=lambda node: (node.depth, node.digest))


def columns_read(node: Node) -> tuple[Node, ...]:
    """Return the children that are columns; constants of an indicator are not."""
    if node.op == "shift":
        return node.children[:1]
    if node.op == "ind":
        return node.children[: functions()[node.value].n_series]
    return node.children


def instruction(node: Node, refer: Refer) -> dict[str, Any]:
    """Return what the engine does for one node, and what has been proven of it."""
    slots = [refer(child) for child in columns_read(node)]
    stated: dict[str, Any] = {"op": node.op, "w": node.lookback_bars, "dep": node.dep}
    match node.op:
        case "const" | "bool":
            stated["value"] = node.value
        case "price":
            stated["field"] = node.value
        case "ind":
            given = [child.value for child in node.children[len(slots) :]]
            stated |= {"name": node.value, "inputs": slots, "params": given}
            if len(node.attributes) > 1:
                stated["output"] = node.attributes[1]
        case "series" | "account":
            stated["name"] = node.value
        case "shift":
            stated |= {"a": slots[0], "k": int(node.children[1].value)}
        case "and" | "or":
            stated["xs"] = slots
        case "neg" | "not" | "abs" | "sqrt" | "log" | "exp":
            stated["a"] = slots[0]
        case "cross":
            stated |= {"dir": node.value, "a": slots[0], "b": slots[1]}
        case _:
            stated |= {"a": slots[0], "b": slots[1]}
    return stated
