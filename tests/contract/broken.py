"""Strategies of the library, each with one mistake that people make; drawn from a seed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from simcore.documents import LIBRARY

Mistake = Callable[[random.Random, str], str | None]
"""A text with one mistake in it; None where the text gives no occasion for it."""

FUNCTIONS = [
    "ma", "ema", "rsi", "atr", "bbands", "crossover", "crossunder", "highest", "lowest", "slope",
]  # fmt: skip
NAMES = ["close", "open", "high", "low", "volume", "fast", "slow", "anchor"]
FIELDS = [
    "timeframe", "params", "rules", "then", "order", "tif_bars", "sizing", "stop", "value", "mult",
    "max_holding_bars", "cooldown_bars", "metadata", "notes", "tags", "constraints", "min", "max",
    "price",
]  # fmt: skip
ENUMS = ["buy", "close", "hold", "risk_pct", "pct_equity", "atr", "pct", "stop", "1h"]


@dataclass(frozen=True)
class Broken:
    """One document of the corpus."""

    name: str
    mistake: str
    text: str


def misspelt(draw: random.Random, word: str) -> str:
    """A word as a hurried hand types it."""
    at = draw.randrange(len(word))
    match draw.randrange(3):
        case 0 if len(word) > 3:
            return word[:at] + word[at + 1 :]
        case 1 if 0 < at < len(word) and word[at - 1] != word[at]:
            return word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :]
        case _:
            return word[:at] + word[at] + word[at:]


def one_of(draw: random.Random, text: str, pattern: str) -> re.Match[str] | None:
    found = list(re.finditer(pattern, text, re.MULTILINE))
    return draw.choice(found) if found else None


def exchanged(pattern: str, instead: Callable[[random.Random, re.Match[str]], str]) -> Mistake:
    """A mistake that exchanges one match of a pattern."""

    def mistake(draw: random.Random, text: str) -> str | None:
        found = one_of(draw, text, pattern)
        if found is None:
            return None
        return text[: found.start()] + instead(draw, found) + text[found.end() :]

    return mistake


def everywhere(pattern: str, instead: str) -> Mistake:
    def mistake(_: random.Random, text: str) -> str | None:
        result = re.sub(pattern, instead, text, flags=re.MULTILINE)
        return None if result == text else result

    return mistake


def word_of(words: list[str], before: str, after: str) -> Mistake:
    pattern = rf"{before}(?P<word>{'|'.join(words)}){after}"

    def instead(draw: random.Random, found: re.Match[str]) -> str:
        word = found["word"]
        return found[0].replace(word, misspelt(draw, word), 1)

    return exchanged(pattern, instead)


def written(instead: str, pattern: str) -> Mistake:
    return exchanged(pattern, lambda _, found: found.expand(instead))


RULE = r"^if +=.*?"

MISTAKES: dict[str, Mistake] = {
    "a misspelt series or parameter": word_of(NAMES, r"(?<=\()", r"(?=[,)])"),
    "a misspelt function": word_of(FUNCTIONS, r"\b", r"(?=\()"),
    "a function in capitals": exchanged(
        rf"\b({'|'.join(FUNCTIONS)})(?=\()", lambda _, found: found[0].upper()
    ),
    "a misspelt field": word_of(FIELDS, r"(?:^|[{,] )", r"(?= +=)"),
    "a misspelt value": word_of(ENUMS, r'= "', r'(?="[\n,])'),
    "another word for a value": exchanged(
        r'(?<=^then  = )"(buy|close)"|(?<=^then = )"(buy|close)"',
        lambda draw, found: '"long"' if "buy" in found[0] else draw.choice(['"exit"', '"flat"']),
    ),
    "a timeframe that is not there": written('"2h"', r'"1h"'),
    "a period of nothing": written(r"\1, 0)", r"(close), (?:fast|slow|n|anchor|rsi_n)\)"),
    "a period below nothing": written(r"\1, -5)", r"(close), (?:fast|slow|n|anchor|rsi_n)\)"),
    "a period far too long": written(r"\1, 90000)", r"(close), (?:fast|slow|n|anchor|rsi_n)\)"),
    "half a bar": written(r"\1, 14.5)", r"(close), (?:fast|slow|n|anchor|rsi_n)\)"),
    "a stop of no range": written("mult = 0", r"mult = [\d.]+"),
    "a stop over no bar": written("n = 0", r"\bn = \d+(?=, mult)"),
    "more risk than is allowed": written(r"\1 = 40 }", r'(risk_pct", value) = [\d.]+ }'),
    "more than all of the equity": written(r"\1 = 400 }", r'(pct_equity", value) = [\d.]+ }'),
    "no cooldown of a bar": written("cooldown_bars = 0", r"^cooldown_bars += \d+"),
    "a fraction of a bar": written("max_holding_bars = 12.5", r"^max_holding_bars += \d+"),
    "&& for and": everywhere(r" and ", " && "),
    "|| for or": everywhere(r"(?<=[\w)]) or (?=[\w(])", " || "),
    "= for >": written(r"\1 => \2", r"(\w) > (\w)"),
    "a chained comparison": written(r"\1 < \2 < 5000000", r"(rsi\(close, \w+\)) [<>] (\w+)"),
    "another chained comparison": written('"1 < close < ', r'"close < (?=\w)'),
    "no risk": lambda _, text: re.sub(r"\[risk\]\n(?:.+\n)*", "", text),
    "no stop": everywhere(r"^stop +=.*\n", ""),
    "no sizing": everywhere(r"^sizing +=.*\n", ""),
    "no value of the sizing": everywhere(r"(sizing +=.*), value = [\d.]+", r"\1"),
    "no type of the stop": everywhere(r'(stop +=.*)type = "\w+", ', r"\1"),
    "a parenthesis that is not closed": exchanged(
        rf"{RULE}\)", lambda draw, found: found[0][:-1]
    ),
    "a last parenthesis that is missing": written(r'\1"', r'^(if +=.*)\)"(?=\n)'),
    "a parenthesis too many": written(r'\1)"', r'^(if +=.*)"(?=\n)'),
    "a parenthesis that is not opened": exchanged(
        rf"{RULE}\(", lambda _, found: found[0][:-1] + " "
    ),
    "a look ahead": written(r"close[-1] \1", r"\bclose ([<>])"),
    "a value outside its domain": exchanged(
        r"value = [\d.]+, min = ([\d.]+)", lambda _, found: f"value = -7, min = {found[1]}"
    ),
    "a number in quotes": written(r'\1"\2"', r"((?:value|mult|min|max) = )([\d.]+)"),
    "a field that is missing": exchanged(
        r"^(?:version|id|name|timeframe) +=.*\n", lambda _, __: ""
    ),
    "no metadata": lambda _, text: text[: text.index("[metadata]")],
    "an entry that nothing ends": lambda _, text: re.sub(
        r'\[\[rules\]\]\nif +=(?:(?!\n\n).)*\nthen += "close"\n|(?m:^max_holding_bars.*\n)',
        "", text, flags=re.S,
    ),
    "a field of another language": exchanged(
        r"^\[risk\]\n", lambda _, found: f"{found[0]}leverage_cap = 3\n"
    ),
    "a field on the wrong level": exchanged(r"^timeframe", lambda _, f: f"author = \"me\"\n{f[0]}"),
    "a number with two points": written(r"\1 > 30.5.1", r"(\w|\)) > \w+(?=\")"),
    "a number without its nought": written(r'\1 > .5"', r'(\w|\)) > \w+"'),
    "AND in capitals": everywhere(r" and ", " AND "),
    "a function that is not called": written("rsi < ", r"rsi\(close, \w+\) < "),
    "a series that is called": written(r"close(3) \1 ", r"\bclose ([<>]) "),
    "an argument too many": written(r"ma(\1, 3)", r"\bma\((close, \w+)\)"),
    "an argument too few": written(
        r"crossover(\1)", r"crossover\((e?ma\(close, \w+\)), e?ma\(close, \w+\)\)"
    ),
    "a number where a condition is wanted": written(
        r'\1ma(close, 20)"', r'^(if +=.*and )close [<>].*"(?=\n)'
    ),
    "parameters in the wrong order": written(r"fast = { value = 49", r"fast += { value = \d+"),
    "a dead rule": written('= "rsi(close, 14) > 100"', r'= "rsi.*"(?=\n)'),
    "a call of the future": written(r"lead(close, 1) \1 ", r"\bclose ([<>]) "),
    "a series for a period": written("ma(close, close)", r"\bma\(close, \w+\)"),
    "an id that is none": exchanged(r'^id +=.*$', lambda _, __: 'id = "My Strategy!"'),
    "a version cut short": everywhere(r'^version +=.*$', 'version = "0.1"'),
    "a bare word for a list": everywhere(r"^tags +=.*$", 'tags = "mine"'),
}  # fmt: skip


def corpus(seed: int, n_each: int) -> Iterator[Broken]:
    """Yield documents with one mistake each: every kind of mistake in each document it fits.

    Args:
        seed: Decides where the mistakes are made.
        n_each: How many draws of a mistake a document gets; equal results count once.
    """
    for path in sorted((LIBRARY / "strategies").glob("*.toml")):
        whole = path.read_text()
        for name, mistake in MISTAKES.items():
            seen = {whole}
            for number in range(n_each):
                draw = random.Random(f"{seed}/{path.stem}/{name}/{number}")
                text = mistake(draw, whole)
                if text is not None and text not in seen:
                    seen.add(text)
                    yield Broken(path.stem, name, text)
