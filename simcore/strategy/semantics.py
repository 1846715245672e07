"""What a strategy must be beyond well-formed: bounded, able to end, free of contradiction.

Each check notes what it finds and looks at nothing that another check decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from simcore.problems import Hint
from simcore.strategy import trees
from simcore.strategy.document import AtrStop, Param, Risk, RiskPct, Rule, VolTarget
from simcore.strategy.functions import functions, number_text
from simcore.strategy.logic import (
    MEETING,
    Effort,
    Indexed,
    Term,
    alternatives,
    by_quantity,
    example,
    is_implied,
    overlap,
)
from simcore.strategy.problems import Findings, added, replaced
from simcore.strategy.resolve import Meaning
from simcore.strategy.trees import Span, Tree

SERIES_BARS: Final = 5000
"""Length of the series that a strategy must fit when none is known."""

_FREE_PARAMS_MAX: Final = 8
_ATOMS_MAX: Final = 24
_DIGITS_MAX: Final = 4

_READY_STOP: Final = {"type": "atr", "n": 14, "mult": 3}
_READY_SIZING: Final = {"type": "risk_pct", "value": 0.5}
_READY_HOLDING_BARS: Final = 240


def check(meaning: Meaning, findings: Findings, n_bars: int | None) -> None:
    """Note everything of this stage, errors and warnings.

    Args:
        meaning: The document and its nodes.
        findings: Takes the problems.
        n_bars: Length of the series, if one is known.
    """
    _check_risk(meaning.model.risk, findings)
    _check_levels(meaning, findings)
    terms = _check_rules(meaning, findings, Effort())
    _check_exits(meaning, terms, findings)
    _check_windows(meaning, findings, SERIES_BARS if n_bars is None else n_bars)
    _check_params(meaning, findings)
    _check_overfit(meaning, findings)
    # Last, for there may be a warning for every two rules.
    _check_conflicts(meaning, terms, findings, Effort())


def _check_risk(risk: Risk | None, findings: Findings) -> None:
    if risk is None:
        block = {"sizing": _READY_SIZING, "stop": _READY_STOP}
        hint = Hint("add sizing and a stop", added("/risk", block))
        message = "got no risk, expected sizing and what bounds the loss"
        findings.add("RISK_UNBOUNDED", message, "/risk", None, hint)
        return
    if risk.sizing is None:
        hint = Hint("add sizing", added("/risk/sizing", _READY_SIZING))
        findings.add("RISK_UNBOUNDED", "got no sizing, expected one", "/risk/sizing", None, hint)
    stop_hint = Hint("add a stop", added("/risk/stop", _READY_STOP))
    has_stop = risk.stop is not None or risk.trailing is not None
    if not has_stop and risk.max_daily_loss_pct is None:
        message = "nothing bounds the loss, expected stop, trailing or max_daily_loss_pct"
        findings.add("RISK_UNBOUNDED", message, "/risk", None, stop_hint)
    if not has_stop and isinstance(risk.sizing, RiskPct):
        message = "sizing by risk divides by the distance to the stop, expected stop or trailing"
        findings.add("STOP_REQUIRED", message, "/risk/stop", None, stop_hint)


def _check_levels(meaning: Meaning, findings: Findings) -> None:
    """Note a stop at a constant that no price reaches, and that so bounds no loss.

    Prices are above zero. A distance of the whole price is no such stop: who writes it says that
    all of a position may be lost.
    """
    path = "/risk/stop/expr"
    node = meaning.nodes.get(path)
    if node is not None and node.op == "const" and node.value <= 0:
        got = number_text(node.value)
        message = f"got the level {got}, which no price reaches, expected above 0"
        tree = next(each.tree for each in meaning.expressions if each.path == path)
        findings.add("RISK_UNBOUNDED", message, path, tree.span)


def _check_rules(
    meaning: Meaning, findings: Findings, effort: Effort
) -> dict[int, list[Term] | None]:
    """Note conditions that are never or always true; return when each is, if it can be told."""
    terms: dict[int, list[Term] | None] = {}
    for index, _, tree in _conditions(meaning):
        path = f"/rules/{index}/if"
        node = meaning.nodes.get(path)
        if node is None:
            continue
        terms[index] = alternatives(node, effort)
        if terms[index] == []:
            remedy = Hint("remove the rule", ({"op": "remove", "path": f"/rules/{index}"},))
            findings.add("DEAD_RULE", "the condition is never true", path, tree.span, remedy)
        elif _may_be_whole(terms[index]) and alternatives(node, effort, is_negated=True) == []:
            findings.add("ALWAYS_TRUE", "the condition is true on every bar", path, tree.span)
    return terms


def _may_be_whole(terms: list[Term] | None) -> bool:
    """Whether alternatives may leave nothing out: not if each confines a quantity of its own."""
    if terms is None:
        return True
    keys = {key for term in terms for key in term}
    return len(keys) < len(terms) or any(len(term) != 1 for term in terms)


def _check_exits(meaning: Meaning, terms: dict[int, list[Term] | None], findings: Findings) -> None:
    risk = meaning.model.risk or Risk()
    live = {rule.then for i, rule in enumerate(meaning.model.rules) if terms.get(i) != []}
    entries = {"buy", "sell"} if risk.allow_short else {"buy"}
    if not entries & {rule.then for rule in meaning.model.rules}:
        findings.add("NO_ENTRY", "no rule opens a position, so nothing is ever traded", "/rules")
    opposite = {"buy": "sell", "sell": "buy"}
    ways_out = (risk.max_holding_bars, risk.take_profit, risk.trailing)
    for entry in sorted(entries & live):
        is_reversed = opposite[entry] in live and risk.on_opposite != "ignore"
        if "close" in live or is_reversed or any(way is not None for way in ways_out):
            continue
        message = (
            f"what `{entry}` opens ends at best by a stop, expected a close rule, "
            f"a `{opposite[entry]}` rule, take_profit, trailing or max_holding_bars"
        )
        patch = added("/risk/max_holding_bars", _READY_HOLDING_BARS)
        hint = Hint("add max_holding_bars", patch if meaning.model.risk is not None else None)
        findings.add("NO_EXIT", message, "/rules", None, hint)
        return


def _check_conflicts(
    meaning: Meaning, terms: dict[int, list[Term] | None], findings: Findings, effort: Effort
) -> None:
    """Note rules that buy and sell for the same reason, and those that might."""
    sides: dict[str, list[tuple[int, Span]]] = {"buy": [], "sell": []}
    for index, rule, tree in _conditions(meaning):
        if rule.then in sides and terms.get(index, []) != []:
            sides[rule.then].append((index, tree.span))
    indexed = {index: by_quantity(each or ()) for index, each in terms.items()}
    for buy, buy_span in sides["buy"]:
        for sell, sell_span in sides["sell"]:
            later, span = (buy, buy_span) if buy > sell else (sell, sell_span)
            other = f"rule {min(buy, sell)}, which does the opposite"
            path = f"/rules/{later}"
            if meaning.nodes[f"/rules/{buy}/if"] is meaning.nodes[f"/rules/{sell}/if"]:
                found: _Conflict | None = ("CONTRADICTION", f"the condition is that of {other}")
            else:
                told = [(terms[index], indexed[index]) for index in (buy, sell)]
                # An example takes long to spell; of what nobody is told none is needed.
                found = _conflict(told, other, effort, is_brief=findings.is_full)
            if found is None:
                continue
            reason, message = found
            remedy = Hint("remove the rule", ({"op": "remove", "path": path},))
            hints = (remedy,) if reason == "CONTRADICTION" else ()
            findings.add(reason, message, f"{path}/if", span, *hints)


_Conflict = tuple[str, str]


def _conflict(
    told: list[tuple[list[Term] | None, Indexed]], other: str, effort: Effort, *, is_brief: bool
) -> _Conflict | None:
    """Return reason and message of how two opposite rules meet; None if they never do."""
    (buying, buying_by), (selling, selling_by) = told
    too_many = f"too many alternatives to tell whether it excludes {other}"
    if buying is None or selling is None or effort.is_spent(MEETING):
        return "POSSIBLE_CONFLICT", too_many
    if is_implied(buying, selling_by, effort) or is_implied(selling, buying_by, effort):
        message = f"one of the condition and that of {other}, implies the other"
        return "CONTRADICTION", message
    both = overlap(buying, selling, effort)
    if both is None:
        return ("POSSIBLE_CONFLICT", too_many) if effort.n_left < 0 else None
    message = f"may be true on the same bar as {other}: then neither opens"
    if not is_brief:
        message += f"; example: {example(both)}"
    return "POSSIBLE_CONFLICT", message


def _check_windows(meaning: Meaning, findings: Findings, n_bars: int) -> None:
    message = "has its first value after {} bars, expected at most {}, the length of the series"
    for expression in meaning.expressions:
        node = meaning.nodes.get(expression.path)
        if node is not None and node.lookback_bars + 1 > n_bars:
            found = message.format(node.lookback_bars + 1, n_bars)
            span = expression.tree.span
            findings.add("WINDOW_EXCEEDS_SERIES", found, expression.path, span)
    for path, n_needed in _windows_of_risk(meaning.model.risk):
        if n_needed > n_bars:
            legal = max(1, n_bars - 1)
            hint = Hint(f"write {legal}", replaced(path, legal))
            findings.add(
                "WINDOW_EXCEEDS_SERIES", message.format(n_needed, n_bars), path, None, hint
            )


def _windows_of_risk(risk: Risk | None) -> Iterator[tuple[str, int]]:
    """Yield how many bars each window of the risk's own takes, with its place."""
    if risk is None:
        return
    if isinstance(risk.sizing, VolTarget):
        yield "/risk/sizing/n", int(risk.sizing.n) + 1
    for name in ("stop", "take_profit", "trailing"):
        measured = getattr(risk, name)
        if isinstance(measured, AtrStop):
            yield f"/risk/{name}/n", functions()["atr"].lookback_bars(measured.n) + 1


def _check_params(meaning: Meaning, findings: Findings) -> None:
    constrained = {
        tree.name
        for expression in meaning.expressions
        if expression.path.startswith("/constraints/")
        for tree in _walk(expression.tree)
        if isinstance(tree, trees.Name)
    }
    for name in meaning.model.params:
        if name not in meaning.used and name not in constrained:
            path = f"/params/{name}"
            hint = Hint("remove it", ({"op": "remove", "path": path},))
            findings.add("UNUSED_PARAM", "no text reads this parameter", path, None, hint)
    for expression in meaning.expressions:
        node = meaning.nodes.get(expression.path)
        if expression.path.startswith("/constraints/") and node is not None and not node.value:
            values = ", ".join(f"{k} = {p.value:g}" for k, p in meaning.model.params.items())
            message = f"`{expression.text}` does not hold for {values or 'no parameters'}"
            hints = _exchange(meaning.model.params, expression.tree)
            findings.add("PARAM_CONSTRAINT", message, expression.path, expression.tree.span, *hints)


def _exchange(params: Mapping[str, Param], tree: Tree) -> tuple[Hint, ...]:
    """Return the hint to exchange the values of two parameters that stand in the wrong order."""
    if not isinstance(tree, trees.Comparison):
        return ()
    left, right = tree.left, tree.right
    if not (isinstance(left, trees.Name) and isinstance(right, trees.Name)):
        return ()
    one, other = params.get(left.name), params.get(right.name)
    if one is None or other is None or one.value == other.value:
        return ()
    if not (_is_inside(one, other.value) and _is_inside(other, one.value)):
        return ()
    steps: list[dict[str, Any]] = []
    for name, param, value in ((left.name, one, other.value), (right.name, other, one.value)):
        path = f"/params/{name}" if param.domain is None else f"/params/{name}/value"
        number = int(value) if value.is_integer() and abs(value) < 2**53 else value
        steps += replaced(path, number)
    return (Hint(f"exchange {left.name} and {right.name}", tuple(steps)),)


def _is_inside(param: Param, value: float) -> bool:
    is_above = param.min is None or param.min <= value
    return is_above and (param.max is None or value <= param.max)


def _check_overfit(meaning: Meaning, findings: Findings) -> None:
    n_free = len(meaning.model.params)
    if n_free > _FREE_PARAMS_MAX:
        message = f"{n_free} parameters can be fitted to chance, expected at most 8"
        findings.add("OVERFIT_RISK", message, "/params")
    rules = list(_conditions(meaning))
    n_atoms = sum(_n_atoms(tree) for _, _, tree in rules)
    if len(rules) * n_atoms > _ATOMS_MAX:
        message = f"{len(rules)} rules with {n_atoms} comparisons, expected a product of at most 24"
        findings.add("OVERFIT_RISK", message, "/rules")
    for expression in meaning.expressions:
        for tree in _walk(expression.tree):
            if (
                type(tree) is trees.Number
                and len(tree.text) > _DIGITS_MAX
                and _n_digits(tree.text) > _DIGITS_MAX
            ):
                message = f"`{tree.text}` has more than 4 significant digits"
                findings.add("OVERFIT_RISK", message, expression.path, tree.span)


def _conditions(meaning: Meaning) -> Iterator[tuple[int, Rule, Tree]]:
    trees = {expression.path: expression.tree for expression in meaning.expressions}
    for index, rule in enumerate(meaning.model.rules):
        yield index, rule, trees[f"/rules/{index}/if"]


def _n_atoms(tree: Tree) -> int:
    return sum(
        isinstance(part, trees.Comparison)
        or (isinstance(part, trees.Call) and functions()[part.name].kind == "bool")
        for part in _walk(tree)
        if not isinstance(part, trees.Call) or part.name in functions()
    )


def _n_digits(text: str) -> int:
    mantissa = text.lower().partition("e")[0]
    digits = mantissa.replace(".", "").lstrip("0")
    return len(digits.rstrip("0"))


def _walk(tree: Tree) -> Iterator[Tree]:
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        yield part
        waiting.extend(trees.children(part))
