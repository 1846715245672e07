"""Documents made to be slow: some too large to be looked at, some that fill every limit."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

RULE = '[[rules]]\nif = "close > 1"\nthen = "buy"\n'
# A little less than a text of a strategy may have.
N = 60_000

OVERSIZED: dict[str, str] = {
    "ten thousand rules": RULE * 10_000,
    "ten thousand rules in JSON": '{"rules": [' + ", ".join(['{"if": "x"}'] * 10_000) + "]}",
    "as many rules as a text has room for": RULE * 1_500,
    "a megabyte of one text": 'name = "' + "x" * (1 << 20) + '"\n',
    "a megabyte of notes in JSON": json.dumps({"notes": "é" * (1 << 20)}),
    "a megabyte of comments": "#\n" * (1 << 19),
    "comments alone": "#\n" * (N // 2),
    "blank lines alone": "\n" * N,
    "a name of many parts": "a." * (N // 2) + "a = 1\n",
    "a header of many parts": "[" + "a." * (N // 2 - 2) + "a]\n",
    "a name of many quoted parts": '"".' * (N // 3) + "a = 1\n",
    "many names of thirty parts": "".join("a." * 30 + f"b{i} = 1\n" for i in range(800)),
    "many headers of thirty parts": "".join("[" + "a." * 30 + f"b{i}]\n" for i in range(800)),
    "many headers that grow": "\n".join(f"[{'a.' * n}a]" for n in range(240)) + "\n",
    "many headers": "".join(f"[a{i}]\n" for i in range(7_000)),
    "deep lists": "a = " + "[" * (N // 2) + "]" * (N // 2) + "\n",
    "deep lists in JSON": '{"a": ' + "[" * (N // 2) + "]" * (N // 2) + "}",
    "deep tables": "a = " + "{a = " * (N // 5) + "\n",
    "deep objects": '{"a":' * (N // 5),
    "a list of many numbers": "a = [" + "1," * (N // 2) + "]\n",
    "a list of many lists": "a = [" + "[]," * (N // 3) + "]\n",
    "a list of many dates": "a = [" + "2020-01-01," * (N // 12) + "]\n",
    "a table of many fields in a line": "a = {"
    + ", ".join(f"a{i}=1" for i in range(6_000))
    + "}\n",
    "many fields": "\n".join(f"field{n} = 1" for n in range(4_000)) + "\n",
    "many fields in JSON": json.dumps({f"field{n}": {} for n in range(2_000)}),
    "many params": "[params]\n" + "\n".join(f"p{n} = 1" for n in range(5_000)) + "\n",
    "many params in JSON": json.dumps({"params": {f"p{n}": {} for n in range(2_000)}}),
    "many tags": json.dumps({"metadata": {"tags": [[n] for n in range(900)]}}),
    "many names that stand twice": "{" + ", ".join(f'"a{n}":1,"a{n}":1' for n in range(900)) + "}",
    "many halves of characters": '{"a": [' + ", ".join(['"\\ud800"'] * 2_000) + "]}",
    "many numbers that are none": '{"a": [' + ", ".join(["NaN"] * 2_000) + "]}",
    "many huge numbers": '{"a": [' + ", ".join(["9" * 20] * 2_000) + "]}",
    "many quotation marks": "a = " + '"' * N + "\n",
    "one backslash after another": 'a = "' + "\\" * (N + 1) + "\n",
    "many escapes": 'name = "' + "\\u0041" * (N // 6) + '"\n',
    "many lines in one text": 'name = """' + "\\\n\n" * (N // 3) + '"""\n',
    "a number of many digits": "a = " + "9" * N + "\n",
    "a number of many digits in JSON": '{"a": ' + "9" * N + "}",
    "a list that is never closed": '{"rules": [' * (N // 12),
}
"""Texts that are refused for their fields, whatever else they are."""


def ruled(texts: Iterable[str], **more: Any) -> dict[str, Any]:
    """Return a document with a rule for each text, buying and selling in turn."""
    return {
        "version": "0.1.0",
        "id": "crowd",
        "name": "Crowd",
        "timeframe": "1h",
        "rules": [{"if": text, "then": ("buy", "sell")[n % 2]} for n, text in enumerate(texts)],
        "params": {"fast": 10, "slow": {"value": 30, "min": 1, "max": 99}},
        "risk": {
            "sizing": {"type": "pct_equity", "value": 10},
            "stop": {"type": "pct", "value": 1},
        },
        "metadata": {},
    } | more


def _any(n: int, form: str, *, plus: int = 0) -> str:
    """Return `form` of each of `n` numbers, joined by ``or``."""
    return " or ".join(form.format(plus + each) for each in range(n))


def _sum(n: int, form: str, *, plus: int = 0) -> str:
    return " + ".join(form.format(plus + each) for each in range(n))


_ALIKE = {f"{'a' * 14}{n:02}{'b' * 14}": n for n in range(64)}
_REPEATED = {f"{'a' * 28}b{n:02}": n for n in range(64)}

CROWDED: dict[str, dict[str, Any]] = {
    "64 rules of a thousand names": ruled(["+".join(["a"] * 1_000)] * 62),
    "64 rules of sixty parts": ruled(_sum(20, "close") + f" > {n}" for n in range(64)),
    "8 rules of five hundred parts": ruled(_sum(170, "close*{}.5") + f" > {n}" for n in range(8)),
    "parentheses": ruled(["+".join(["(" * 50 + "a" + ")" * 50] * 20)] * 60),
    "dots": ruled(["." * 2_000] * 30),
    "signs": ruled([_sum(9, "-" * 50 + "close") + " > 1"] * 20),
    "nots": ruled([" and ".join(["not " * 50 + "(close > open)"] * 8)] * 10),
    "shifts of shifts": ruled(["close" + "[1]" * 170 + " > 1"] * 11),
    "averages of averages": ruled(
        "ma(" * 60 + "close" + f",{n + 2})" * 60 + " > 1" for n in range(20)
    ),
    "calls that differ": ruled(
        _sum(120, "ma(close,{})", plus=2 + 120 * n) + " > 1" for n in range(8)
    ),
    "outputs": ruled(
        _sum(60, "bbands(close,{},2).pctb", plus=2 + 60 * n) + " > 1" for n in range(11)
    ),
    "logarithms": ruled(_sum(150, "log({}.5)", plus=150 * n) + " > 1" for n in range(8)),
    "products of sums": ruled(
        " and ".join(f"({_any(20, 'close > {}', plus=n + k)})" for k in range(7)) for n in range(8)
    ),
    "products that exclude": ruled(
        " and ".join(f"({_any(20, 'close == {}', plus=n)} or rsi({k + 2}) < 3)" for k in range(6))
        for n in range(8)
    ),
    "rules that all meet": ruled(f"rsi(14) > {n / 7} and rsi({n + 2}) < {n}" for n in range(1, 65)),
    "broad rules that all meet": ruled(_any(12, "rsi({}) < 30", plus=n + 2) for n in range(64)),
    "broad rules": ruled(
        " or ".join(f"(rsi({n}) < {30 + k} and close > open)" for n in range(2, 40))
        for k in range(8)
    ),
    "rules that imply each other": ruled(_any(64, "close > {}", plus=64 * n) for n in range(14)),
    "rules that never meet": ruled(
        _any(24, f"(close > {{0}} and close < {{0}}.5 and rsi(9) {'<>'[n % 2]} 50)", plus=n)
        for n in range(8)
    ),
    "names not there": ruled(_sum(90, f"a{n}b{{}}") for n in range(20)),
    "names that are all alike": ruled(
        (_sum(10, "x" + "a" * 13 + "{}" + "b" * 14 + "xy"[n % 2]) for n in range(20)), params=_ALIKE
    ),
    "names of one letter": ruled(
        ("+".join("a" * (24 + k % 5) + "b" + "a" * (k // 5) + f"{n % 10}" for k in range(15))
         for n in range(20)),
        params=_REPEATED,
    ),
    "functions not there": ruled(_sum(60, f"crossove{n}{{}}(close)") for n in range(20)),
    "outputs not there": ruled(_sum(60, "bbands(close,{},2).pctx", plus=2) for n in range(11)),
    "arguments missing": ruled([_sum(100, "ma(close)")] * 12),
    "series for constants": ruled([_any(60, "ma(close, close) > {}")] * 8),
    "bars ahead": ruled([_sum(100, "close[-1-{}]") + " > 1"] * 6),
    "numbers out of range": ruled([_sum(100, "ma(close,{})", plus=100_000) + " > 1"] * 8),
    "many digits": ruled([_any(110, "close > 1.{}", plus=10_000)] * 8),
    "equal numbers": ruled([_any(110, "close == 1.{}")] * 8),
    "many constraints": ruled(
        ["close > 1"], params={f"p{n}": n for n in range(64)},
        constraints=[_sum(60, "p{}") + f" < {n}" for n in range(30)],
    ),
    "params that name each other": ruled(
        ["p0 > 1"], params={f"p{n}": f"p{(n + 1) % 64}" for n in range(64)}
    ),
    "huge numbers": ruled(["close > " + "9" * 2_000] * 30, params={"p": 10**300}),
    "characters from everywhere": ruled(["\u200b\u202eclöse > ①" * 100] * 30),
    "long names": ruled(f"x{n}" * 600 for n in range(30)),
    "texts that end too early": ruled(["(" * 30 + "a.b.c[" * 8] * 64),
    "calls that end too early": ruled(
        ["ma(ma(ma(close, x), y), z) > (" + " and (a[1] > 2" * 30] * 64
    ),
    "words without signs": ruled(["a b c d e f g h i j"] * 64),
    "powers": ruled(["close ** 2 " * 40] * 64),
    "ands of other languages": ruled(["close > 1 && " * 35 + "close > 2"] * 64),
    "wrong at the end": ruled(["+".join(["a"] * 500) + " $"] * 12),
    "fields not there": ruled([]) | {
        "rules": [{"iff": 1, "thenn": "buuy", "order": {"typ": "x"}, "z": []}] * 64
    },
    "orders of long prices": ruled([]) | {
        "rules": [
            {"if": "close > 1", "then": "buy",
             "order": {"type": "limit", "price": _sum(12, "close*{}.5"), "tif_bars": -n}}
            for n in range(64)
        ]
    },
    "params of wrong types": ruled(["close > 1"], params={
        f"P{'é' * 20}{n}": {"value": "1", "min": [], "max": {}, "step": "x", "tipe": 1}
        for n in range(64)
    }),
}  # fmt: skip
"""Documents that take all that the limits allow, and some that take more."""


def toml(document: dict[str, Any]) -> str:
    """Return one of them as TOML, every value but the rules on one line."""
    lines = [f"{name} = {_inline(value)}" for name, value in document.items() if name != "rules"]
    for rule in document["rules"]:
        lines += ["[[rules]]", *(f"{name} = {_inline(value)}" for name, value in rule.items())]
    return "\n".join(lines) + "\n"


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        pairs = (f"{json.dumps(name)} = {_inline(each)}" for name, each in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
