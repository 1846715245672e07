"""What `proving check` finds: problems of documents and their repair, and the laws of markets.

What the problems are, each kind of document decides; here they are gathered and told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from simcore.campaign import check_document, kinds_of
from simcore.diagnostics import count, rendered
from simcore.errors import ProvingError, SpecError
from simcore.problems import Problem
from simcore.repairs import mend_file
from simcore.scenario.document import Scenario, load


@dataclass(frozen=True)
class Examination:
    """What was found of some documents.

    Args:
        text: For people.
        data: For programs, by document.
        exit_code: 0 nothing is wrong, 2 a document is or breaks a law, 70 we are.
    """

    text: str
    data: dict[str, Any]
    exit_code: int


def examine(
    documents: Sequence[str],
    home: Path,
    *,
    is_coloured: bool = False,
    measures_laws: bool = True,
    against: str | None = None,
) -> Examination:
    """Check documents; of a scenario without errors, measure whether it keeps its laws.

    Args:
        documents: Ids or paths.
        home: Folder whose documents join the library's.
        is_coloured: Whether the text is for a terminal with colours.
        measures_laws: Whether the laws of a scenario's family are measured on a large sample.
        against: A scenario of real bars that scenarios are compared with.

    Raises:
        SpecError: `against` is wrong.
    """
    blocks: list[str] = []
    data: dict[str, Any] = {}
    codes = [0]
    for document in documents:
        problems = check_document(document, home=home)
        if problems:
            blocks.append(rendered(problems, is_coloured=is_coloured))
        blocks.append(f"{document}: {count(problems)}")
        data[document] = {"problems": [each.as_json() for each in problems]}
        codes.append(_code(problems))
        if codes[-1] == 0 and "scenarios" in kinds_of(document, home=home):
            scenario = load(document, home=home)
            if measures_laws:
                blocks.append(_laws(scenario, data[document], codes))
            if against is not None:
                blocks.append(_realism(scenario, load(against, home=home), data[document]))
    return Examination("\n\n".join(blocks), data, max(codes))


def mend(documents: Sequence[str], home: Path, *, is_coloured: bool = False) -> Examination:
    """Apply the first fix of each error, as often as that helps, and write the files."""
    mended = [mend_file(document, home=home) for document in documents]
    texts = [each.text(is_coloured=is_coloured) for each in mended]
    data = {each.document: each.as_json() for each in mended}
    return Examination(
        "\n\n".join(texts), data, max([0, *(_code(each.repair.problems) for each in mended)])
    )


def _code(problems: Iterable[Problem]) -> int:
    errors = [each for each in problems if each.severity == "error"]
    if any(each.code == "DSL_INTERNAL" for each in errors):
        return ProvingError.exit_code
    return SpecError.exit_code if errors else 0


def _laws(scenario: Scenario, data: dict[str, Any], codes: list[int]) -> str:
    from simcore.scenario.acceptance import accept, as_rows

    results = accept(scenario)
    data["laws"] = as_rows(results)
    if any(each.passes is False for each in results):
        codes.append(SpecError.exit_code)
    return "\n".join([f"  {each.line}" for each in results] or ["  its family promises nothing"])


def _realism(scenario: Scenario, real: Scenario, data: dict[str, Any]) -> str:
    from simcore.scenario.realism import realism

    found = realism(scenario, real)
    data["realism"] = asdict(found)
    ordered = sorted(found.differences.items(), key=lambda each: -abs(each[1]))
    head = (
        f"  against {real.id}: energy distance {found.distance:.4g}, "
        f"p = {found.p_value:.3g} ({found.n_synthetic} and {found.n_real} windows)"
    )
    return "\n".join([head, *(f"    {name:24} {value:+.2f} deviations" for name, value in ordered)])
