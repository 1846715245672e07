"""A compiled strategy: what it is called, what identifies it, and the program the engine runs."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from simcore.errors import SpecError
from simcore.problems import Hint, Problem
from simcore.refusals import nearest
from simcore.seeds import jcs, sha256_hex
from simcore.strategy import check, program
from simcore.strategy.document import StrategyDocument
from simcore.strategy.problems import Findings
from simcore.strategy.resolve import Expression


@dataclass(frozen=True)
class Strategy:
    """A strategy that compiled.

    Args:
        id: Its document's id.
        version: Its document's revision, which no result depends on.
        name: For people.
        timeframe: Bars it decides on, such as ``1h``.
        ir_hash: SHA-256 of what it does.
        struct_hash: SHA-256 of the same with its parameters as symbols.
        doc_hash: SHA-256 of its document in canonical JSON.
        lookback_bars: First bar on which all that it reads has a value.
        document: As it was written.
        program_json: The program, in canonical JSON.
        tags: Tag of each rule, None where it has none.
        source: File or id it came from, for messages.
        model: Its document as it was read.
        expressions: Its texts, parsed.
    """

    id: str
    version: str
    name: str
    timeframe: str
    ir_hash: str
    struct_hash: str
    doc_hash: str
    lookback_bars: int
    document: dict[str, Any] = field(repr=False)
    program_json: str = field(repr=False)
    tags: tuple[str | None, ...] = field(repr=False)
    source: str = field(repr=False, compare=False)
    model: StrategyDocument = field(repr=False, compare=False)
    expressions: tuple[Expression, ...] = field(repr=False, compare=False)


def compile_strategy(document: Any, *, home: str | Path | None = None) -> Strategy:
    """Return the compiled strategy.

    Args:
        document: A mapping, an id, a path or a text; a `Strategy` is returned as it is.
        home: Folder whose documents join the library's; None for the library alone.

    Raises:
        SpecError: With every error of the first stage that has one.
    """
    if isinstance(document, Strategy):
        return document
    loaded, model = check.read(document, home=home)
    meaning = check.understood(loaded, model)
    return Strategy(
        id=model.id,
        version=model.revision,
        name=model.name,
        timeframe=model.timeframe,
        ir_hash=program.ir_hash(meaning),
        struct_hash=program.struct_hash(meaning),
        doc_hash=sha256_hex(jcs(loaded.document)),
        lookback_bars=program.lookback_bars(meaning),
        document=loaded.document,
        program_json=program.program_json(meaning),
        tags=tuple(rule.tag for rule in model.rules),
        source=loaded.source,
        model=model,
        expressions=meaning.expressions,
    )


def bind(strategy: Strategy, params: Mapping[str, float]) -> Strategy:
    """Return the strategy with other values of some of its parameters.

    The family stays the same, so `struct_hash` does; texts are not read again.

    Raises:
        SpecError: A name is no parameter of it, or a value is out of its domain or breaks a rule
            of the language.
    """
    document = _with_values(strategy, params)
    model = check.with_params(strategy.model, params)
    findings = Findings(document, strategy.source)
    meaning = check.resolve(model, strategy.expressions, findings)
    if findings.n_errors:
        raise SpecError([problem for problem in findings.told() if problem.severity == "error"])
    return replace(
        strategy,
        ir_hash=program.ir_hash(meaning),
        doc_hash=sha256_hex(jcs(document)),
        lookback_bars=program.lookback_bars(meaning),
        document=document,
        program_json=program.program_json(meaning),
        model=model,
    )


def _with_values(strategy: Strategy, params: Mapping[str, float]) -> dict[str, Any]:
    """Return the document with other values, each of which a document could hold."""
    document = copy.deepcopy(strategy.document)
    known = document["params"]
    wrong = []
    for name, value in params.items():
        path = f"/params/{name}"
        if name not in known:
            near = nearest(name, known)
            hints = (Hint(f'did you mean "{near}"?'),) if near else ()
            message = f'parameter "{name}" is not known, expected one of {", ".join(known)}'
            wrong.append(Problem("DSL_STATIC_FAIL", "UNKNOWN_NAME", message, path, hints=hints))
        elif isinstance(value, bool) or not isinstance(value, int | float | np.number):
            message = f"got {value!r}, expected a number"
            wrong.append(Problem("DSL_SCHEMA_INVALID", "WRONG_TYPE", message, path))
        elif not np.isfinite(value) or abs(value) > 2**53:
            message = f"got {value}, expected a finite number within 2**53"
            wrong.append(Problem("DSL_PARAM_OUT_OF_RANGE", "PARAM_DOMAIN", message, path))
        elif isinstance(known[name], dict):
            known[name]["value"] = float(value)
        else:
            known[name] = float(value)
    if wrong:
        raise SpecError([replace(problem, source=strategy.source) for problem in wrong])
    return document
