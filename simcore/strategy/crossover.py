"""A child of two strategies: its numbers from both, its tagged rules from either.

Parents are ordered by hash and every draw has an address, so that who is named first, how many
children were made before and in which process this one is made decide nothing.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, Literal, get_args

from simcore import engine
from simcore.documents import unknown
from simcore.errors import SpecError
from simcore.problems import Problem
from simcore.strategy import trees
from simcore.strategy.genes import PURPOSE, first_that_compiles, lane, settled, with_value
from simcore.strategy.strategy import Strategy

Method = Literal["uniform", "blx", "mean"]

BLX_ALPHA: Final = 0.5
"""How far beyond its parents a blended number may fall, as a share of their distance."""


def crossed(
    first: Strategy, second: Strategy, *, seed: int, method: Method = "uniform"
) -> Strategy:
    """Return the child of two strategies; the first by hash where no draw makes a legal one.

    The child has the form of the first by hash: its rules, risk, texts and domains. Its genes are
    the parameters, sorted by name, then the tags that each parent has on one rule. Of a gene that
    one parent alone has, the child has that parent's, if a text of the child names it.

    Args:
        first: A parent.
        second: The other; the order of the two decides nothing.
        seed: 0 to 2**53 - 1.
        method: How two numbers become one: ``uniform`` takes either, ``blx`` draws between and
            somewhat beyond them, ``mean`` takes the middle. A tagged rule is always one or the
            other's.

    Raises:
        SpecError: The method is not known.

    Source:
        Eshelman and Schaffer (1993), "Real-coded genetic algorithms and interval-schemata",
        Foundations of Genetic Algorithms 2, of ``blx``.
    """
    check_method(method)
    first, second = sorted((first, second), key=lambda each: each.ir_hash)
    if first.ir_hash == second.ir_hash:
        return first
    names = sorted({*first.model.params, *second.model.params})
    tags = sorted(_single_tags(first) & _single_tags(second))
    series = lane("crossover-v1", first.ir_hash, second.ir_hash)
    n_draws = len(names) + len(tags)

    def child(attempt: int) -> dict[str, Any]:
        draws = engine.uniforms(seed, PURPOSE, series, n_draws, start=attempt * n_draws).tolist()
        swapped = [tag for tag, u in zip(tags, draws[len(names) :], strict=True) if not u < 0.5]
        numbers = dict(zip(names, draws, strict=False))
        return _child(first, second, swapped, numbers, method)

    return first_that_compiles(child, first)


def check_method(method: str) -> None:
    """Refuse a method that there is not.

    Raises:
        SpecError: Code ``ARGUMENT``.
    """
    known = get_args(Method)
    if method not in known:
        told = unknown(method, "strategies", known)
        message = f'method "{method}" is not known, expected one of {", ".join(known)}'
        raise SpecError([Problem("ARGUMENT", "BAD_ENUM", message, hints=told.hints)])


def _single_tags(strategy: Strategy) -> set[str]:
    counted = Counter(tag for tag in strategy.tags if tag is not None)
    return {tag for tag, count in counted.items() if count == 1}


def _child(
    first: Strategy,
    second: Strategy,
    swapped: Sequence[str],
    draws: dict[str, float],
    method: Method,
) -> dict[str, Any]:
    document = copy.deepcopy(first.document)
    named = _named(first, "/")
    for tag in swapped:
        here, there = first.tags.index(tag), second.tags.index(tag)
        document["rules"][here] = copy.deepcopy(second.document["rules"][there])
        named |= _named(second, f"/rules/{there}/")
    params = {**first.document["params"]}
    for name, stated in second.document["params"].items():
        if name in named and name not in params:
            params[name] = copy.deepcopy(stated)
    both = [name for name in draws if name in first.model.params and name in second.model.params]
    for name in both:
        params[name] = with_value(params[name], _number(first, second, name, draws[name], method))
    document["params"] = params
    ties = [each for each in _ties(second) if _ties(second)[each] <= set(params)]
    constraints = list(dict.fromkeys((*_ties(first), *ties)))
    if constraints:
        document["constraints"] = constraints
    return document


def _number(first: Strategy, second: Strategy, name: str, u: float, method: Method) -> float | int:
    """Return a number that both parents have, within the domain of the first that states one."""
    params = first.model.params[name], second.model.params[name]
    a, b = (param.value for param in params)
    low, high = min(a, b), max(a, b)
    if method == "uniform":
        value = a if u < 0.5 else b
    elif method == "blx":
        reach = BLX_ALPHA * (high - low)
        value = low - reach + u * (high - low + 2.0 * reach)
    else:
        value = low + 0.5 * (high - low)
    stated = [param for param in params if param.domain is not None]
    if stated:
        return settled(value, stated[0], is_integer=stated[0].is_integer)
    # Of two bare whole numbers nothing says that there is anything between.
    return settled(value, params[0], is_integer=a.is_integer() and b.is_integer())


def _named(strategy: Strategy, prefix: str) -> set[str]:
    """Return every name in the texts below a place, constraints apart."""
    return {
        name
        for expression in strategy.expressions
        if expression.path.startswith(prefix) and not expression.path.startswith("/constraints/")
        for name in _names(expression.tree)
    }


def _ties(strategy: Strategy) -> dict[str, set[str]]:
    """Return the parameters that each constraint ties, by its text."""
    return {
        expression.text: _names(expression.tree)
        for expression in strategy.expressions
        if expression.path.startswith("/constraints/")
    }


def _names(tree: trees.Tree) -> set[str]:
    own = {tree.name} if isinstance(tree, trees.Name) else set()
    return own.union(*(_names(child) for child in trees.children(tree)))
