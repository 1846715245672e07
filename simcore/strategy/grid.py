"""One strategy at many parameter settings: lowered once, then numbers are put in.

A program made here does what the program of `bind` does with the same values, bit for bit; only the
order of its instructions may differ. What the static checks would say of a single setting (a rule
that is never true, say) refuses nothing here: a grid is walked to see what its settings do.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from simcore.errors import InvariantError, SpecError
from simcore.problems import Hint, Problem
from simcore.refusals import nearest
from simcore.strategy import program
from simcore.strategy.check import with_params
from simcore.strategy.functions import SHIFT_BARS, Function, Range, folded, functions
from simcore.strategy.names import bound
from simcore.strategy.nodes import Graph, Node
from simcore.strategy.problems import Findings
from simcore.strategy.ranges import check_ranges
from simcore.strategy.resolve import Resolver
from simcore.strategy.strategy import Strategy

Values = Sequence[float]
"""One value for each symbol, in their order."""

_ARITHMETIC: Final[Mapping[str, Callable[[float, float], float]]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
}
_COMPARED: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
}


_Filled = tuple[str, int, int | None]
"""An instruction with its numbers, its lookback and the latest bar it reads."""


class _IllegalError(Exception):
    """A setting at which the strategy has no meaning."""


@dataclass(frozen=True)
class Lowered:
    """A strategy at one setting.

    Args:
        program: Its program as JSON text, None where the strategy has no meaning.
        lookback_bars: First bar on which all that it reads has a value.
        refused: Why it has no meaning: ``PARAM_CONSTRAINT`` where a constraint does not hold,
            ``PARAM_DOMAIN`` where an indicator or a shift is given what it does not take.
    """

    program: str | None
    lookback_bars: int = 0
    refused: str | None = None


def lowered(strategy: Strategy, names: Sequence[str], settings: Sequence[Values]) -> list[Lowered]:
    """Return the strategy at each setting, or why it has no meaning there.

    Args:
        strategy: Gives the rules, and the values of parameters that are not named.
        names: Parameters that vary, each once.
        settings: Their values, one for each name.

    Raises:
        SpecError: A name is no parameter, or a value lies outside its parameter's own domain.
    """
    _check_names(strategy, names)
    for index, name in enumerate(names):
        _check_domain(strategy, name, sorted({values[index] for values in settings}))
    template = _Template(strategy, names)
    return [template.at(values) for values in settings]


def _check_names(strategy: Strategy, names: Sequence[str]) -> None:
    known = strategy.model.params
    problems = []
    for name in names:
        if name not in known:
            near = nearest(name, known)
            message = f'parameter "{name}" is not known, expected one of {", ".join(known)}'
            hints = (Hint(f'did you mean "{near}"?'),) if near else ()
            path = f"/params/{name}"
            problems.append(
                Problem("DSL_STATIC_FAIL", "UNKNOWN_NAME", message, path, strategy.id, hints=hints)
            )
    if problems:
        raise SpecError(problems)


def _check_domain(strategy: Strategy, name: str, values: Values) -> None:
    # Asked of the parameter as it was written: half a bar must not make a window's domain real.
    is_integer = strategy.model.params[name].is_integer
    for value in values:
        reason = None
        if not math.isfinite(value):
            reason, expected = "PARAM_DOMAIN", "a finite number"
        elif is_integer and not float(value).is_integer():
            reason, expected = "NOT_INTEGER", "a whole number"
        if reason is not None:
            message = f"got {value}, expected {expected}"
            path = f"/params/{name}/value"
            raise SpecError([Problem("DSL_PARAM_OUT_OF_RANGE", reason, message, path, strategy.id)])
        findings = Findings(strategy.document, strategy.id)
        check_ranges(with_params(strategy.model, {name: value}), findings)
        if findings.n_errors:
            raise SpecError(findings.told())


@dataclass(frozen=True)
class _Step:
    """One instruction with its numbers left out.

    Args:
        head: JSON up to the first number.
        slots: Columns it reads.
        given: What is put in: constants of an indicator, the distance of a shift, a constant.
        ranges: What each of `given` may be.
        function: Of an indicator.
        text: The whole instruction where nothing in it varies, else None.
        lookback_bars: Then, its lookback.
        dep: Then, the latest bar it reads.
        symbols: Positions of the parameters on which it depends, itself or by what it reads.
        op: Operation.
        made: What was filled in before by the values of `symbols`, as settings of a grid repeat
            them.
    """

    op: str
    head: str
    slots: tuple[int, ...]
    given: tuple[Node, ...]
    ranges: tuple[Range, ...]
    function: Function | None
    text: str | None
    lookback_bars: int
    dep: int | None
    symbols: tuple[int, ...]
    made: dict[tuple[float, ...], _Filled] = field(default_factory=dict)


class _Template:
    """A strategy lowered with some parameters as symbols."""

    def __init__(self, strategy: Strategy, names: Sequence[str]) -> None:
        model = strategy.model
        graph = Graph()
        symbols = {name: graph.param(index) for index, name in enumerate(names)}
        known = bound(graph, model.params) | symbols
        findings = Findings(strategy.document, strategy.id)
        roots: dict[str, Node] = {}
        for expression in strategy.expressions:
            node = Resolver(graph, known, findings, expression).whole()
            if node is None:
                raise InvariantError(
                    f"{strategy.id}: {expression.path} compiled, and no longer does"
                )
            roots[expression.path] = node
        self._constraints = [
            roots.pop(path) for path in list(roots) if path.startswith("/constraints/")
        ]
        program.add_risk(model, graph, roots)
        order = program.in_order(roots.values())
        slots = {node.digest: slot for slot, node in enumerate(order)}
        divisors = {node.children[1].digest for node in order if node.op == "div"}

        def refer(node: Node) -> int:
            return slots[node.digest]

        self._steps: list[_Step] = []
        for node in order:
            row = _DIVISOR if node.digest in divisors else _ANY
            self._steps.append(_step(node, refer, self._steps, row))
        rules = [
            {
                "if": refer(roots[f"/rules/{index}/if"]),
                "then": rule.then,
                "order": program.order_json(model, index, roots, refer),
            }
            for index, rule in enumerate(model.rules)
        ]
        if model.risk is None:
            raise InvariantError(f"{strategy.id}: compiled without risk")
        rest = {
            "schema": program.SCHEMA,
            "timeframe": model.timeframe,
            "rules": rules,
            "risk": program.risk_json(model.risk, roots, refer),
            "output": None,
        }
        self._tail = json.dumps(rest)[1:]

    def at(self, values: Values) -> Lowered:
        """Return the strategy with those values."""
        try:
            if not all(_truth(node, values) for node in self._constraints):
                return Lowered(None, refused="PARAM_CONSTRAINT")
            return self._with(values)
        except (_IllegalError, ZeroDivisionError, OverflowError):
            return Lowered(None, refused="PARAM_DOMAIN")

    def _with(self, values: Values) -> Lowered:
        texts: list[str] = []
        lookbacks: list[int] = []
        deps: list[int | None] = []
        for step in self._steps:
            if step.text is not None:
                texts.append(step.text)
                lookbacks.append(step.lookback_bars)
                deps.append(step.dep)
                continue
            own = tuple([values[index] for index in step.symbols])
            made = step.made.get(own)
            if made is None:
                given = tuple([_number(node, values) for node in step.given])
                reads = [(lookbacks[slot], deps[slot]) for slot in step.slots]
                made = step.made[own] = _filled(step, given, reads)
            text, lookback, dep = made
            texts.append(text)
            lookbacks.append(lookback)
            deps.append(dep)
        text = f'{{"code":[{",".join(texts)}],{self._tail}'
        return Lowered(text, lookback_bars=max(lookbacks, default=0))


def _step(node: Node, refer: Callable[[Node], int], before: Sequence[_Step], row: Range) -> _Step:
    """Return the instruction of a node; what it reads stands before it.

    A constant expression of symbols is one constant, whose value `row` must allow.
    """
    if node.is_constant and _symbols(node):
        head = '{"op":"const","value":'
        symbols = tuple(sorted(_symbols(node)))
        return _Step("const", head, (), (node,), (row,), None, None, 0, None, symbols)
    slots = tuple(refer(child) for child in program.columns_read(node))
    given: tuple[Node, ...] = ()
    ranges: tuple[Range, ...] = ()
    function = None
    if node.op == "ind":
        function = functions()[node.value]
        given, ranges = node.children[len(slots) :], function.constants
    elif node.op == "shift":
        given, ranges = node.children[1:], (SHIFT_BARS,)
    found = {index for node in given for index in _symbols(node)}
    found.update(index for slot in slots for index in before[slot].symbols)
    symbols, varies = tuple(sorted(found)), bool(found)
    text = None if varies else json.dumps(program.instruction(node, refer))
    head = _head(node, slots) if varies else ""
    lookback, dep = node.lookback_bars, node.dep
    return _Step(node.op, head, slots, given, ranges, function, text, lookback, dep, symbols)


def _filled(
    step: _Step, given: tuple[float, ...], reads: Sequence[tuple[int, int | None]]
) -> _Filled:
    """Return an instruction with its numbers, its lookback and the latest bar it reads.

    Args:
        step: What is filled in.
        given: Its numbers.
        reads: Lookback and latest bar of each column it reads.
    """
    for row, value in zip(step.ranges, given, strict=True):
        if row.fault(value) is not None or (row is _DIVISOR and value == 0.0):
            raise _IllegalError
    lookback = max([bars for bars, _ in reads], default=0)
    dep = max([dep for _, dep in reads if dep is not None], default=None)
    hole = ""
    if step.function is not None:
        lookback += step.function.lookback_bars(*given)
        dep = dep if step.slots else 0
        hole = ",".join(map(repr, given)) + "]"
    elif step.op == "shift":
        lookback += int(given[0])
        dep = None if dep is None else dep - int(given[0])
        hole = str(int(given[0]))
    elif step.op == "const":
        hole = repr(given[0])
    elif step.op == "cross":
        lookback += 1
    latest = "null" if dep is None else dep
    return f'{step.head}{hole},"w":{lookback},"dep":{latest}}}', lookback, dep


_ANY: Final = Range("value", "", -math.inf, math.inf)
_DIVISOR: Final = Range("divisor", "", -math.inf, math.inf)


def _head(node: Node, slots: tuple[int, ...]) -> str:
    """Return the instruction as JSON, up to the number that is put in."""
    stated: dict[str, Any] = {"op": node.op}
    match node.op:
        case "ind":
            stated |= {"name": node.value, "inputs": slots}
            if len(node.attributes) > 1:
                stated["output"] = node.attributes[1]
            return json.dumps(stated)[:-1] + ',"params":['
        case "shift":
            return json.dumps(stated | {"a": slots[0]})[:-1] + ',"k":'
        case "and" | "or":
            stated["xs"] = slots
        case "neg" | "not" | "abs" | "sqrt" | "log" | "exp":
            stated["a"] = slots[0]
        case "cross":
            stated |= {"dir": node.value, "a": slots[0], "b": slots[1]}
        case _:
            stated |= {"a": slots[0], "b": slots[1]}
    return json.dumps(stated)[:-1]


def _symbols(node: Node) -> set[int]:
    """Return the positions of the parameters that an expression reads."""
    if node.op == "param":
        return {int(node.value[1:])}
    return {index for child in node.children for index in _symbols(child)}


def _number(node: Node, values: Values) -> float:
    """Return what a constant expression is at a setting."""
    if node.op == "const":
        return float(node.value)
    if node.op == "param":
        return float(values[int(node.value[1:])]) + 0.0  # minus zero is zero
    if node.op == "neg":
        return -_number(node.children[0], values) + 0.0
    given = [_number(child, values) for child in node.children]
    known = _ARITHMETIC.get(node.op)
    value = (folded(node.op, *given) if known is None else known(*given)) + 0.0
    if not math.isfinite(value):
        raise _IllegalError
    return value


def _truth(node: Node, values: Values) -> bool:
    """Return whether a constraint holds at a setting."""
    if node.op == "bool":
        return bool(node.value)
    if node.op == "not":
        return not _truth(node.children[0], values)
    if node.op in ("and", "or"):
        return (all if node.op == "and" else any)(_truth(each, values) for each in node.children)
    left, right = (_number(child, values) for child in node.children)
    return _COMPARED[node.op](left, right)
