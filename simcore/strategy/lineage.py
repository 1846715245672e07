"""Where a strategy comes from: its parents, what made it of them, and the file that says so.

A document has no field for its parents. They stand in a file of its own beside the documents,
``strategies/lineage/<id>.json``, tied to the document by its hash.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from simcore import documents
from simcore.errors import SpecError
from simcore.problems import Hint, Problem
from simcore.seeds import SEED_MAX, jcs
from simcore.strategy.change import Patch, difference
from simcore.strategy.strategy import Strategy
from simcore.tables.strategies import Operator

CODE: Final = "LINEAGE_INVALID"
_VERSION: Final = "0.1.0"
_COUNT_MAX: Final = 2**32 - 1


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Parent(_Part):
    """One parent of a strategy.

    Args:
        name: Name under which the registry knew it.
        revision: Its version.
        ir_hash: SHA-256 of what it did.
        edit: RFC 6902 patch from its document to the child's.
    """

    name: str
    revision: str
    ir_hash: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    edit: Patch

    @property
    def label(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.revision}"


class Birth(_Part):
    """What is known of a child before it is made.

    Args:
        operator: What makes it; ``authored`` is a person.
        seed: Seed of the draws; None where nothing is drawn.
        generation: None for one above the parents'.
        child_index: Which of the children that one seed gives one parent; of mutation alone.
    """

    operator: Operator
    seed: Annotated[int, Field(ge=0, le=SEED_MAX)] | None = None
    generation: Annotated[int, Field(ge=0, le=_COUNT_MAX)] | None = None
    child_index: Annotated[int, Field(ge=0, le=_COUNT_MAX)] | None = None


class Lineage(Birth):
    """How a strategy came to be.

    Args:
        name: Name under which the registry knows it.
        parents: None for an authored strategy, two for a crossing, else one.
        generation: 0 for an authored strategy.
    """

    name: Annotated[str, Field(pattern="^[a-z][a-z0-9_-]{0,63}$")]
    parents: tuple[Parent, ...] = ()
    generation: Annotated[int, Field(ge=0, le=_COUNT_MAX)] = 0

    @model_validator(mode="after")
    def _has_the_parents_of_its_operator(self) -> Lineage:
        expected = {"authored": 0, "evolve": 1, "mutate": 1}.get(self.operator, 2)
        if len(self.parents) != expected:
            raise PydanticCustomError(
                "PARENTS",
                "got {got} parents, expected {expected} of operator {operator}",
                {"got": len(self.parents), "expected": expected, "operator": self.operator},
            )
        return self


class Sidecar(Lineage):
    """A lineage as it lies on disk.

    Args:
        version: Version of this file's form.
        id: Id of the strategy's document.
        doc_hash: SHA-256 of that document in canonical JSON.
    """

    version: Literal["0.1.0"]
    id: str
    doc_hash: str


@dataclass(frozen=True)
class Origin:
    """A parent as an operator takes it.

    Args:
        name: Its name in the registry.
        strategy: What it is.
        generation: Its own generation.
    """

    name: str
    strategy: Strategy
    generation: int


def authored(strategy: Strategy) -> Lineage:
    """Return the lineage of a strategy that a person wrote."""
    return Lineage(name=strategy.id, operator="authored")


def birth(operator: Operator, **stated: int | None) -> Birth:
    """Return what is known of a child before it is made.

    Args:
        operator: What makes it.
        stated: Its ``seed``, ``generation`` and ``child_index``.

    Raises:
        SpecError: Code ``LINEAGE_INVALID``: one of them is out of its range.
    """
    given = {"operator": operator, **stated}
    return documents.parse(Birth, documents.Loaded(given, operator), CODE)


def descent(
    name: str, born: Birth, origins: tuple[Origin, ...], document: dict[str, Any]
) -> Lineage:
    """Return the lineage of a child.

    Args:
        name: Name of the child in the registry.
        born: What was known of it before it was made.
        origins: Its parents, the one whose form it has first.
        document: The child's document.
    """
    parents = tuple(
        Parent(
            name=origin.name,
            revision=origin.strategy.version,
            ir_hash=origin.strategy.ir_hash,
            edit=difference(origin.strategy.document, document),
        )
        for origin in origins
    )
    above = 1 + max(origin.generation for origin in origins)
    return Lineage(
        name=name,
        operator=born.operator,
        seed=born.seed,
        generation=above if born.generation is None else born.generation,
        child_index=born.child_index,
        parents=parents,
    )


def place(home: str | Path, strategy_id: str) -> Path:
    """Return where the lineage of a document lies or would lie."""
    return Path(home) / "strategies" / "lineage" / f"{strategy_id}.json"


def read(strategy: Strategy, *, home: str | Path | None) -> Lineage:
    """Return the lineage of a strategy; one without a file of its own was authored.

    Args:
        strategy: Compiled from its document.
        home: Folder whose documents join the library's; None for the library alone.

    Raises:
        SpecError: Code ``LINEAGE_INVALID``: the file cannot be read, or speaks of another
            document (reason ``HASH_MISMATCH``).
    """
    if home is None or not place(home, strategy.id).is_file():
        return authored(strategy)
    source = f"strategies/lineage/{strategy.id}.json"
    try:
        loaded = documents.read(place(home, strategy.id), "strategies", home=home)
        loaded = replace(loaded, source=source, expected_id=strategy.id)
        sidecar = documents.parse(Sidecar, loaded, CODE)
    except SpecError as refusal:
        told = [replace(each, code=CODE, source=source) for each in refusal.problems]
        raise SpecError(told) from None
    if sidecar.doc_hash != strategy.doc_hash:
        message = f"got the lineage of document {sidecar.doc_hash}, expected {strategy.doc_hash}"
        hint = Hint("delete it if the document is yours now, or evolve the strategy instead")
        problem = Problem(CODE, "HASH_MISMATCH", message, "/doc_hash", source, hints=(hint,))
        raise SpecError([problem])
    return Lineage(**{name: getattr(sidecar, name) for name in Lineage.model_fields})


def spelled(strategy: Strategy, lineage: Lineage) -> str | None:
    """Return the text of a strategy's lineage file; None where the document says it all."""
    if lineage == authored(strategy):
        return None
    stated = {"version": _VERSION, "id": strategy.id, "doc_hash": strategy.doc_hash}
    return json.dumps(stated | lineage.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


def rows(strategy: Strategy, lineage: Lineage) -> list[dict[str, Any]]:
    """Return the rows of the table `lineage`: one a parent, or one without a parent."""
    own = {
        "strategy_id": strategy.id,
        "name": lineage.name,
        "revision": strategy.version,
        "ir_hash": strategy.ir_hash,
        "operator": lineage.operator,
        "seed": lineage.seed,
        "generation": lineage.generation,
        "child_index": lineage.child_index,
    }
    nobody = {"parent": None, "parent_revision": None, "parent_ir_hash": None, "edit": None}
    parents: list[dict[str, Any]] = [
        {
            "parent": parent.name,
            "parent_revision": parent.revision,
            "parent_ir_hash": parent.ir_hash,
            "edit": jcs(parent.edit).decode(),
        }
        for parent in lineage.parents
    ]
    return [own | {"parent_index": at} | each for at, each in enumerate(parents or [nobody])]
