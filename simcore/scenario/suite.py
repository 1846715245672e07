"""Suites: named lists of markets for campaigns of a certain length.

Nothing is generated here; what the markets are, their own documents say.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from simcore.documents import found, parse, read, unknown
from simcore.errors import SpecError
from simcore.problems import Problem
from simcore.scenario.document import Metadata
from simcore.scenario.parameters import CODE


class SuiteDocument(BaseModel):
    """A suite, version 0.1.

    Args:
        days: Shortest campaign in which all that its markets have planned comes to pass.
        scenarios: Ids of scenarios.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: Annotated[str, Field(pattern=r"^0\.1\.[0-9]+$")]
    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
    name: Annotated[str, Field(min_length=1, max_length=120)]
    days: Annotated[int, Field(ge=1, le=36_525)]
    scenarios: Annotated[tuple[str, ...], Field(min_length=1, max_length=1_000)]
    metadata: Metadata = Metadata()


def read_suite(document: Any, *, home: str | Path | None = None) -> SuiteDocument:
    """Return a suite, every scenario of which there is.

    Args:
        document: A mapping, an id, a path or a text.
        home: Folder whose documents join the library's; None for the library alone.

    Raises:
        SpecError: The document is wrong, names a scenario twice, or one that there is not.
    """
    loaded = read(document, "suites", home=home)
    suite = parse(SuiteDocument, loaded, CODE)
    known = found("scenarios", home)
    wrong = []
    for position, name in enumerate(suite.scenarios):
        path = f"/scenarios/{position}"
        if name not in known:
            wrong.append(unknown(name, "scenarios", known, path=path, source=loaded.source))
        elif name in suite.scenarios[:position]:
            message = f'got "{name}" twice, expected each id once'
            wrong.append(Problem(CODE, "DUPLICATE", message, path, loaded.source))
    if wrong:
        raise SpecError(wrong)
    return suite
