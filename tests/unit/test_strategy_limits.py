"""Documents that are too much: what is said of them, and that little is tried for them."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from simcore import reading
from simcore.problems import Problem
from simcore.seeds import jcs, sha256_hex
from simcore.spelling import nearest
from simcore.strategy import grammar, trees
from simcore.strategy.check import WORDS_MAX, check_strategy
from simcore.strategy.functions import functions
from simcore.strategy.logic import TERMS_MAX, Effort, Interval, alternatives
from simcore.strategy.nodes import Graph, Node
from simcore.strategy.problems import TOLD_MAX, Findings


def document(*texts: str, **more: Any) -> dict[str, Any]:
    return {
        "version": "0.1.0",
        "id": "much",
        "name": "Much",
        "timeframe": "1h",
        "rules": [{"if": text, "then": "buy"} for text in texts],
        "params": {},
        "risk": {"sizing": {"type": "pct_equity", "value": 10}, "max_holding_bars": 9},
        "metadata": {},
    } | more  # fmt: skip


def told(*texts: str, **more: Any) -> list[Problem]:
    return check_strategy(document(*texts, **more))


def test_more_words_than_are_read_are_refused_whatever_else_is_wrong_with_them() -> None:
    text = "((close)) + " * 160 + "$"
    n_texts = WORDS_MAX // (160 * 6) + 1
    (problem,) = told(*[text] * n_texts)
    assert (problem.reason, problem.path) == ("COMPLEXITY", "/rules")
    assert problem.message.endswith(f"words and signs in all texts, expected at most {WORDS_MAX}")
    assert {each.reason for each in told(*[text] * (n_texts - 1))} == {"ILLEGAL_CHAR"}


@pytest.mark.parametrize(
    "text",
    [
        "a = [" + "1," * 9 + "]\n",
        "a = [" + "[]," * 9 + "]\n",
        "".join(f"a{n} = 1\n" for n in range(9)),
        "".join(f"[a{n}]\n[b{n}]\n" for n in range(9)),
        "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r = 1\n",
        "a = " + "{a = " * 9 + "1" + "}" * 9 + "\n",
    ],
)
def test_a_text_of_too_many_values_is_refused_before_it_is_read(text: str) -> None:
    assert tomllib.loads(text)
    with pytest.raises(reading.UnreadableError) as refusal:
        reading.value(text, ".toml", 8)
    assert [each.reason for each in refusal.value.faults] == ["TOO_LARGE"]


def test_signs_in_texts_and_comments_are_no_values() -> None:
    signs = "=,[{." * 40
    text = f"a = \"{signs}\\\"{signs}\" # {signs}\nb = '{signs}'\nc = '''{signs}'\n{signs}'''\n"
    text += f'd = """{signs}""{signs}\\""""\n'
    assert len(reading.value(text, ".toml", 8)) == 4


def test_of_many_values_that_cannot_be_read_the_first_are_told_and_how_many_more() -> None:
    problems = check_strategy('{"a": [' + ", ".join(["NaN"] * 250) + "]}")
    assert len(problems) == 101
    assert problems[-1].message == "150 more problems, expected none"
    assert {each.reason for each in problems} == {"NOT_JSON"}


def test_of_many_unknown_names_the_first_are_told_what_was_meant() -> None:
    problems = told(
        " > 1 or ".join(f"clos{'e' * (n % 9)}x{n}" for n in range(90)) + " > 1", "clsoe > 1"
    )
    assert [bool(each.hints) for each in problems[-2:]] == [False, False]
    assert told("clsoe > 1")[0].hints


def test_more_problems_than_are_told_are_counted() -> None:
    texts = [" + ".join(f"x{n}y{k}" for k in range(50)) for n in range(5)]
    problems = told(*texts)
    assert len(problems) == TOLD_MAX + 1
    assert problems[-1].message.startswith(f"{5 * 50 - TOLD_MAX} more problems")


def test_an_error_behind_a_crowd_of_warnings_still_refuses() -> None:
    findings = Findings({}, "")
    for index in range(3 * TOLD_MAX):
        findings.add("FLOAT_EQUALITY", "warned", f"/rules/{index}/if")
    findings.add("NO_EXIT", "refused", "/rules")
    assert findings.n_errors == 1
    problems = findings.told()
    assert len(problems) == TOLD_MAX + 1
    assert "NO_EXIT" in {each.reason for each in problems[:-1]}
    assert problems[-1].message.startswith(f"{2 * TOLD_MAX + 1} more")


def test_an_error_of_an_earlier_stage_hides_what_a_later_one_has_found() -> None:
    findings = Findings({}, "")
    findings.add("ARG_DOMAIN", "later", "/a")
    findings.add("ARITY", "earlier", "/b")
    findings.add("LOOKAHEAD", "latest", "/c")
    assert [each.reason for each in findings.told()] == ["ARITY"]
    assert findings.n_errors == 3


def ways(node: Node, *, is_negated: bool = False) -> list[list[tuple[str, Interval]]]:
    """Return when a condition is true, in an order of its own."""
    found = alternatives(node, Effort(), is_negated=is_negated)
    assert found is not None
    return sorted(sorted((key, each) for key, (_, each) in term.items()) for term in found)


def test_what_takes_too_long_to_prove_is_not_claimed() -> None:
    graph = Graph()
    close = graph.price("close")
    above = [graph.comparison(">", close, graph.const(float(n))) for n in range(TERMS_MAX)]
    one_of = graph.junction("or", above)
    assert alternatives(one_of, Effort(4 * TERMS_MAX)) is not None
    assert alternatives(one_of, Effort(4 * TERMS_MAX - 1)) is None
    below = graph.junction("and", [graph.negation(each) for each in above])
    assert ways(below, is_negated=True) == ways(one_of)


@pytest.mark.parametrize("is_negated", [False, True])
def test_the_ways_to_be_false_are_those_of_the_negation(is_negated: bool) -> None:
    graph = Graph()
    close, three = graph.price("close"), graph.const(3.0)
    fast = graph.indicator(functions()["rsi"], (close,), (graph.const(14.0),))
    atoms = [
        *(graph.comparison(sign, close, three) for sign in ("<", "<=", ">", ">=", "==", "!=")),
        graph.comparison("<", fast, close),
        graph.cross("over", fast, close),
        graph.negation(graph.cross("under", fast, close)),
        graph.truth(True),
    ]
    both = graph.junction("and", atoms[:2] + atoms[6:8])
    for node in [*atoms, both, graph.junction("or", [both, *atoms[4:9]])]:
        expected = graph.negation(node) if is_negated else node
        assert ways(node, is_negated=is_negated) == ways(expected)


def test_the_digest_of_a_node_is_that_of_its_canonical_json() -> None:
    graph = Graph()
    price = graph.price("close")
    values = [0.0, -3.0, 14.0, 0.1, 1e300, 5e-324, 2.0**53, 2.0**60, -1.5]
    nodes: list[Node] = [price, graph.truth(True), graph.truth(False), *map(graph.const, values)]
    nodes.append(graph.indicator(functions()["bbands"], (price,), (nodes[5], nodes[3]), "upper"))
    nodes.append(graph.comparison("<", price, nodes[5]))
    for node in nodes:
        stated = [node.op, list(node.attributes), [child.digest for child in node.children]]
        assert node.digest == sha256_hex(jcs(stated))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lcose", "close"),
        ("clse", "close"),
        ("cloose", "close"),
        ("xlosx", "close"),
        ("xloxx", None),
    ],
)
def test_a_name_is_near_by_two_edits_at_either_end(name: str, expected: str | None) -> None:
    assert nearest(name, ["close", "volume"]) == expected


def test_a_name_is_near_that_lacks_a_letter_at_both_ends() -> None:
    assert nearest("abcdef", ["xabcdefy", "volume"]) == "xabcdefy"


def test_a_group_spans_its_own_parentheses_and_no_others() -> None:
    assert grammar.parse("((a))").span == (0, 5)
    argument = trees.children(grammar.parse("ma((a))"))[0]
    assert argument.span == (3, 6)
    second = trees.children(grammar.parse("(b + (a))"))[1]
    assert second.span == (5, 8)
    assert grammar.parse("(((a)) + b)").span == (0, 11)
    assert trees.children(grammar.parse("(((a)) + b)"))[0].span == (1, 6)


@pytest.mark.parametrize(("shift", "reasons"), [(0.5, {"POSSIBLE_CONFLICT"}), (1.5, set())])
def test_two_rules_of_as_many_alternatives_as_are_told_apart_are_decided(
    shift: float, reasons: set[str]
) -> None:
    def one_of(start: float) -> str:
        bands = (f"(low>{start + 3 * n} and low<{start + 3 * n + 1})" for n in range(TERMS_MAX))
        return " or ".join(bands)

    document = {
        "version": "0.1.0", "id": "many", "name": "Many", "timeframe": "1h",
        "params": {}, "metadata": {},
        "rules": [
            {"if": one_of(100), "then": "buy"},
            {"if": one_of(100 + shift), "then": "sell"},
        ],
        "risk": {
            "sizing": {"type": "fixed_qty", "qty": 1}, "stop": {"type": "pct", "value": 2},
            "allow_short": True,
        },
    }  # fmt: skip
    told = [each for each in check_strategy(document) if each.path.startswith("/rules")]
    assert {each.reason for each in told} - {"OVERFIT_RISK"} == reasons
    assert not any("too many" in each.message for each in told)
