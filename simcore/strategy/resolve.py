"""Trees to nodes: what each name and each call means, and whether it fits where it stands.

A fault of range or of causality is noted and the nearest legal value takes its place, so that the
rest of the text is still looked at; nothing made from a text with a fault is ever run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from simcore.problems import Hint
from simcore.strategy import trees
from simcore.strategy.document import StrategyDocument
from simcore.strategy.functions import (
    FUTURE,
    SHIFT_BARS,
    Function,
    Kind,
    Range,
    folded,
    functions,
    number_text,
)
from simcore.strategy.names import is_of_account, meant_here
from simcore.strategy.nodes import Graph, Node, is_foldable
from simcore.strategy.problems import Findings, replaced
from simcore.strategy.trees import Tree

_KINDS: Final[Mapping[Kind, str]] = {
    "num": "a number",
    "bool": "a condition",
    "outputs": "several outputs",
}

# Attributes of the nodes whose values are whole numbers.
_COUNTED: Final = {("hour",), ("weekday",), ("position",), ("bars_in_trade",), ("barssince",)}


@dataclass(frozen=True)
class Expression:
    """One rule text of a document.

    Args:
        path: Where it stands.
        text: As written.
        wanted: What it must give.
        tree: Its parsed form.
    """

    path: str
    text: str
    wanted: Kind
    tree: Tree


@dataclass(frozen=True)
class Meaning:
    """A document whose texts are understood.

    Args:
        model: The document.
        expressions: Its texts, in its order.
        graph: Maker of the nodes.
        nodes: What each text means, by path; a text with an error has none.
        used: Parameters that decide something, by first use.
    """

    model: StrategyDocument
    expressions: tuple[Expression, ...]
    graph: Graph
    nodes: Mapping[str, Node]
    used: tuple[str, ...]


class Resolver:
    """Gives one expression its meaning.

    Args:
        graph: Makes the nodes.
        names: What each name stands for: series, and parameters as constants or as symbols.
        findings: Takes the problems.
        expression: What is read.
    """

    def __init__(
        self,
        graph: Graph,
        names: Mapping[str, Node],
        findings: Findings,
        expression: Expression,
    ) -> None:
        self._graph = graph
        self._names = names
        self._findings = findings
        self._expression = expression
        self._made: dict[int, Node | None] = {}
        self.used: dict[str, None] = {}

    def whole(self) -> Node | None:
        """Return the node of the expression; None where it has no meaning."""
        tree = self._expression.tree
        for part in _inside_out(tree):
            self._made[id(part)] = _MAKERS[type(part)](self, part)
        return self._typed(tree, self._expression.wanted)

    def _typed(self, tree: Tree, wanted: Kind) -> Node | None:
        """Return what a part was found to mean, if that is of the kind that is wanted."""
        node = self._made[id(tree)]
        if node is None or node.kind == wanted:
            return node
        message = f"got {_KINDS[node.kind]}, expected {_KINDS[wanted]}"
        hints: tuple[Hint, ...] = ()
        if node.kind == "outputs":
            outputs = functions()[node.value].outputs
            message += f": one of {', '.join(f'.{output}' for output in outputs)}"
            text = self._expression.text[slice(*tree.span)]
            hints = self._instead(f"{text}.{outputs[0]}", tree.span)
        self._add("TYPE_MISMATCH", message, tree.span, *hints)
        return None

    def _number(self, tree: trees.Number) -> Node:
        return self._graph.const(tree.value)

    def _truth(self, tree: trees.Truth) -> Node:
        return self._graph.truth(tree.value)

    def _negation(self, tree: trees.Negation) -> Node | None:
        condition = self._typed(tree.operand, "bool")
        return None if condition is None else self._graph.negation(condition)

    def _sign(self, tree: trees.Sign) -> Node | None:
        operand = self._typed(tree.operand, "num")
        if operand is None or tree.operator == "+":
            return operand
        return self._graph.negative(operand)

    def _junction(self, tree: trees.Junction) -> Node | None:
        conditions = [self._typed(operand, "bool") for operand in tree.operands]
        known = [node for node in conditions if node is not None]
        is_whole = len(known) == len(conditions)
        return self._graph.junction(tree.operator, known) if is_whole else None

    def _name(self, tree: trees.Name) -> Node | None:
        node = self._names.get(tree.name)
        if node is not None:
            self.used[tree.name] = None
            return node
        if tree.name in functions():
            call = functions()[tree.name].signature
            message = f"`{tree.name}` is a function, expected a call such as `{call}`"
            self._add("UNKNOWN_NAME", message, tree.span)
            return None
        if is_of_account(tree.name):
            message = f"`{tree.name}` is of the account, which only a run has; expected a series"
            self._add(
                "UNKNOWN_NAME", message, tree.span, Hint("read it in the rules of a strategy")
            )
            return None
        message = f"`{tree.name}` is not known, expected one of {', '.join(self._names)}"
        hints = self._named(tree.name, self._names, tree.span)
        self._add("UNKNOWN_NAME", message, tree.span, *hints)
        return None

    def _call(self, tree: trees.Call) -> Node | None:
        function = functions().get(tree.name)
        if function is None:
            self._refuse_function(tree)
            return None
        n = len(tree.arguments)
        if n not in function.counts:
            counts = " or ".join(str(count) for count in function.counts)
            message = f"{function.name}: got {n} arguments, expected {counts}"
            self._add("ARITY", message, tree.span, Hint(f"write `{function.signature}`"))
            return None
        n_series = n - len(function.constants)
        # A default stands for the only series, so what is given is all of them or none.
        kinds = function.inputs[:n_series]
        inputs = [
            self._typed(argument, kind)
            for argument, kind in zip(tree.arguments[:n_series], kinds, strict=True)
        ]
        given = [
            self._distance(argument) if function.form == "shift" else self._constant(argument, row)
            for argument, row in zip(tree.arguments[n_series:], function.constants, strict=True)
        ]
        known = [node for node in inputs if node is not None]
        bound = [node for node in given if node is not None]
        if len(known) < len(inputs) or len(bound) < len(given):
            return None
        if function.has_default and not known:
            known = [self._names["close"]]
        return self._applied(function, known, bound, tree)

    def _applied(
        self, function: Function, inputs: list[Node], given: list[Node], tree: trees.Call
    ) -> Node | None:
        match function.form:
            case "cross":
                return self._graph.cross(function.name.removeprefix("cross"), *inputs)
            case "shift":
                return self._graph.shift(*inputs, *given)
            case "plain":
                return self._plain(function, inputs, tree)
            case "ind":
                return self._graph.indicator(function, inputs, given)

    def _plain(self, function: Function, inputs: list[Node], tree: trees.Call) -> Node | None:
        values = [node.value for node in inputs if node.op == "const"]
        if len(values) == len(inputs) and math.isnan(folded(function.name, *values)):
            got = ", ".join(map(number_text, values))
            message = f"{function.name}: got {got}, for which it has no value"
            self._add("ARG_DOMAIN", message, tree.arguments[0].span)
            return None
        return self._graph.plain(function.name, inputs)

    def _refuse_function(self, tree: trees.Call) -> None:
        name, known = tree.name, functions()
        if name in FUTURE:
            message = f"`{name}` would read bars that are not there yet, expected x[k] with k >= 0"
            hint = Hint("for the value k bars ago write `x[k]`")
            self._add("FUTURE_FUNCTION", message, tree.name_span, hint)
        elif name in self._names:
            message = f"`{name}` is a series or a parameter and cannot be called"
            hint = Hint(f"for the value k bars ago write `{name}[k]`")
            self._add("NOT_CALLABLE", message, tree.name_span, hint)
        else:
            message = f"`{name}` is not known, expected one of {', '.join(sorted(known))}"
            hints = self._named(name, known, tree.name_span)
            self._add("UNKNOWN_FUNCTION", message, tree.name_span, *hints)

    def _constant(self, tree: Tree, row: Range) -> Node | None:
        return self._legal(tree, self._typed(tree, "num"), row)

    def _legal(self, tree: Tree, node: Node | None, row: Range) -> Node | None:
        """Return what must be known before any bar is seen, as a value that `row` allows."""
        if node is None:
            return None
        if not node.is_constant:
            message = f"{row.name}: got a series, expected {row}"
            self._add("NON_CONST_ARG", message, tree.span)
            return None
        reason = row.fault(node.value) if node.op == "const" else None
        if reason is None:
            return node
        legal = row.nearest(node.value)
        text = None if legal is None else number_text(legal)
        self._add(reason, row.message(node.value), tree.span, *self._instead(text, tree.span))
        return self._graph.const(row.minimum + 1 if legal is None else legal)

    def _index(self, tree: trees.Index) -> Node | None:
        of = self._typed(tree.of, "num")
        distance = self._distance(tree.index)
        return None if of is None or distance is None else self._graph.shift(of, distance)

    def _distance(self, tree: Tree) -> Node | None:
        """Return how many bars back, as a legal value; to look ahead is a fault of its own."""
        node = self._typed(tree, "num")
        if node is None or node.op != "const" or node.value >= 0:
            return self._legal(tree, node, SHIFT_BARS)
        n_bars = number_text(-node.value)
        got = number_text(node.value)
        message = f"x[k]: got {got}, which lies ahead of the decision, expected {SHIFT_BARS}"
        self._add("LOOKAHEAD", message, tree.span, *self._instead(n_bars, tree.span))
        return self._graph.const(0.0)

    def _field(self, tree: trees.Field) -> Node | None:
        of = self._made[id(tree.of)]
        if of is None:
            return None
        if of.kind != "outputs":
            message = f"there is no output `{tree.name}`, expected a value with one output as it is"
            self._add("UNKNOWN_OUTPUT", message, tree.name_span)
            return None
        function = functions()[of.value]
        if tree.name not in function.outputs:
            outputs = ", ".join(function.outputs)
            message = f"{function.name} has no output `{tree.name}`, expected one of {outputs}"
            hints = self._named(tree.name, function.outputs, tree.name_span)
            self._add("UNKNOWN_OUTPUT", message, tree.name_span, *hints)
            return None
        inputs, given = of.children[: function.n_series], of.children[function.n_series :]
        return self._graph.indicator(function, inputs, given, tree.name)

    def _chain(self, tree: trees.Chain) -> Node | None:
        operands = [self._typed(operand, "num") for operand in tree.operands]
        result = operands[0]
        for operator, operand, part in zip(
            tree.operators, operands[1:], tree.operands[1:], strict=True
        ):
            if operand is None or result is None:
                return None
            if operator == "/" and operand.op == "const" and operand.value == 0.0:
                self._add("DIV_BY_ZERO", "the divisor is always 0", part.span)
                continue
            result = self._finite(operator, result, operand, tree)
        return result

    def _finite(self, operator: str, left: Node, right: Node, tree: Tree) -> Node:
        if not is_foldable(operator, left, right):
            message = "the constant is larger than any number, expected at most 1.8e308"
            self._add("ARG_DOMAIN", message, tree.span)
            return left
        return self._graph.arithmetic(operator, left, right)

    def _comparison(self, tree: trees.Comparison) -> Node | None:
        left, right = self._typed(tree.left, "num"), self._typed(tree.right, "num")
        if left is None or right is None:
            return None
        node = self._graph.comparison(tree.operator, left, right)
        if node.op in ("eq", "ne") and not _is_counted(left, right):
            message = f"`{tree.operator}` compares measured numbers, which are hardly ever equal"
            self._add("FLOAT_EQUALITY", message, tree.span, Hint("compare with < or >"))
        return node

    def _named(self, name: str, known: Collection[str], span: trees.Span) -> tuple[Hint, ...]:
        """Return the hint to write the name that was meant; with a patch where that is sure."""
        if not self._findings.may_search(name, len(known)):
            return ()
        near, is_certain = meant_here(name, known)
        if near is None or is_certain:
            return self._instead(near, span)
        return (Hint(f"did you mean `{near}`?"),)

    def _instead(self, text: str | None, span: trees.Span) -> tuple[Hint, ...]:
        """Return the hint to write `text` in place of `span`, if there is one to write."""
        if text is None or self._findings.is_full:
            return ()
        whole = self._expression.text
        mended = whole[: span[0]] + text + whole[span[1] :]
        return (Hint(f"write `{text}`", replaced(self._expression.path, mended)),)

    def _add(self, reason: str, message: str, span: trees.Span, *hints: Hint) -> None:
        self._findings.add(reason, message, self._expression.path, span, *hints)


# What each form means, its parts being made already.
_MAKERS: Final[Mapping[type[Any], Callable[[Resolver, Any], Node | None]]] = {
    trees.Number: Resolver._number,
    trees.Truth: Resolver._truth,
    trees.Name: Resolver._name,
    trees.Call: Resolver._call,
    trees.Index: Resolver._index,
    trees.Field: Resolver._field,
    trees.Sign: Resolver._sign,
    trees.Negation: Resolver._negation,
    trees.Chain: Resolver._chain,
    trees.Comparison: Resolver._comparison,
    trees.Junction: Resolver._junction,
}


def _is_counted(left: Node, right: Node) -> bool:
    """Whether a value that is always a whole number is compared with a whole constant."""
    for one, other in ((left, right), (right, left)):
        is_whole = one.op != "param" and one.attributes[:1] in _COUNTED
        if is_whole and other.op == "const" and other.value.is_integer():
            return True
    return False


def _inside_out(tree: Tree) -> list[Tree]:
    """Return every part of a tree, each behind its own parts and in the order of the text.

    Done with a list instead of by recursion: a legal text may be deeper than Python's stack.
    """
    found: list[Tree] = []
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        found.append(part)
        waiting.extend(trees.children(part))
    return found[::-1]
