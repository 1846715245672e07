"""Strategies by name and version: a value made from documents, never a hidden state.

People name a strategy ``name@version``; the hash of what it does identifies it. A registry is
immutable: what adds a strategy returns another registry, and registries that hold the same
strategies are equal, in whatever order they were added.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from simcore import documents
from simcore.errors import SpecError
from simcore.problems import Hint, Problem
from simcore.seeds import jcs, sha256_hex
from simcore.strategy import lineage as lineages
from simcore.strategy.lineage import Lineage, Origin
from simcore.strategy.strategy import Strategy, compile_strategy
from simcore.strategy.versions import Version, version_of

CONFLICT: Final = "VERSION_CONFLICT"


@dataclass(frozen=True)
class Record:
    """One strategy under one label.

    Args:
        strategy: What it is; its document bears the version.
        lineage: Where it comes from, and its name.
    """

    strategy: Strategy
    lineage: Lineage

    @property
    def name(self) -> str:
        """Its name in the registry; the id of its document may be longer."""
        return self.lineage.name

    @property
    def version(self) -> Version:
        """Its version under that name."""
        return version_of(self.strategy.version, source=self.strategy.source)

    @property
    def label(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.strategy.version}"

    @property
    def ir_hash(self) -> str:
        """SHA-256 of what it does: its identity."""
        return self.strategy.ir_hash

    @property
    def origin(self) -> Origin:
        """The strategy as a parent of others."""
        return Origin(self.name, self.strategy, self.lineage.generation)

    @property
    def _key(self) -> tuple[str, Version]:
        return self.name, self.version


@dataclass(frozen=True)
class Registry:
    """Every strategy that is known, by label.

    Args:
        records: Sorted by name and version.
        refused: What was found and is not among them, and why.
    """

    records: tuple[Record, ...] = ()
    refused: tuple[Problem, ...] = field(default=(), compare=False)

    def register(
        self,
        name: str,
        version: str,
        document: Any,
        *,
        lineage: Lineage | None = None,
        home: str | Path | None = None,
    ) -> Registration:
        """Return the registry with one strategy more, and its record.

        The record that is there already, and this same registry, if the label has the same
        program. Another name may have it too: then the program has an alias.

        Args:
            name: As an id of a document.
            version: Semantic version; takes the place of the document's own.
            document: A mapping, an id, a path, a text or a `Strategy`.
            lineage: Where it comes from; None for an authored strategy.
            home: Folder whose documents join the library's.

        Raises:
            SpecError: The document is wrong. Or, with code ``VERSION_CONFLICT``, the label has
                another program (``OTHER_HASH``), an older version of the name has this program
                (``SAME_HASH``), or the version is above neither the latest nor, with its own
                first two numbers, the latest that has them (``NOT_LATER``).
        """
        if re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", name) is None:
            message = f"got {name[:80]!r}, expected a lower-case letter, then at most 63 of a-z 0-9"
            raise SpecError([Problem("DSL_SCHEMA_INVALID", "BAD_ID", f"{message} _ -", "/id")])
        label = version_of(version, source=name)
        strategy = compile_strategy(document, home=home)
        if strategy.version != version:
            strategy = compile_strategy({**strategy.document, "revision": version})
        origin = lineage or Lineage(name=name, operator="authored")
        record = Record(strategy, origin.model_copy(update={"name": name}))
        known = self._known(name, label)
        if known is not None and known.ir_hash == record.ir_hash:
            return Registration(self, known)
        problem = self._conflict(record, known)
        if problem is not None:
            raise SpecError([problem])
        records = tuple(sorted((*self.records, record), key=lambda each: each._key))
        return Registration(Registry(records, self.refused), record)

    def latest(self, name: str, *, prereleases: bool = False) -> Record:
        """Return the record of a name with the greatest version.

        Args:
            name: Name in the registry.
            prereleases: Whether pre-releases count.

        Raises:
            SpecError: The name has none.
        """
        found = self._latest(name, prereleases=prereleases)
        if found is None:
            problem = documents.unknown(name, "strategies", self.names)
            if name in self.names:
                message = f"{name} has pre-releases alone, expected a release"
                hint = Hint("ask for pre-releases too")
                problem = Problem(problem.code, "UNKNOWN_ID", message, hints=(hint,))
            raise SpecError([problem])
        return found

    def newest(self, name: str) -> Record:
        """Return the latest release of a name, or its latest pre-release where it has no other.

        Raises:
            SpecError: The name is not known.
        """
        return self._latest(name) or self.latest(name, prereleases=True)

    def find(self, name: str) -> Record:
        """Return one record.

        Args:
            name: A label ``name@version``, a name, which means its newest, or a document's id.

        Raises:
            SpecError: There is none.
        """
        if name in self.names:
            return self.newest(name)
        for record in self.records:
            if name in (record.label, record.strategy.id):
                return record
        raise SpecError([documents.unknown(name, "strategies", self.names)])

    @property
    def names(self) -> tuple[str, ...]:
        """Every name, sorted."""
        return tuple(dict.fromkeys(record.name for record in self.records))

    def aliases(self, ir_hash: str) -> tuple[str, ...]:
        """Return the labels of one program, sorted; the first is the one it is rated under."""
        return tuple(record.label for record in self.having(ir_hash))

    def having(self, ir_hash: str, *, name: str | None = None) -> tuple[Record, ...]:
        """Return the records of one program, under one name if that is given."""
        return tuple(
            record
            for record in self.records
            if record.ir_hash == ir_hash and name in (None, record.name)
        )

    def ancestors(self, name: str) -> tuple[Record, ...]:
        """Return every known ancestor of a record, parents before theirs.

        Args:
            name: As `find` takes it.

        Raises:
            SpecError: There is no such record.
        """
        by_label = {record.label: record for record in self.records}
        found: dict[str, Record] = {}
        waiting = [self.find(name)]
        while waiting:
            for parent in waiting.pop(0).lineage.parents:
                record = by_label.get(parent.label)
                if record is not None and parent.label not in found:
                    found[parent.label] = record
                    waiting.append(record)
        return tuple(found.values())

    def _latest(self, name: str, *, prereleases: bool = False) -> Record | None:
        own = [
            record
            for record in self.records
            if record.name == name and (prereleases or record.version.prerelease is None)
        ]
        return own[-1] if own else None

    def _known(self, name: str, version: Version) -> Record | None:
        wanted = (name, version)
        return next((record for record in self.records if record._key == wanted), None)

    def _mends(self, record: Record) -> bool:
        """Whether a record is above the latest of an older line, and so a mend of that line."""
        line = (record.version.major, record.version.minor)
        own = [
            each.version
            for each in self.records
            if each.name == record.name and (each.version.major, each.version.minor) == line
        ]
        return bool(own) and all(version < record.version for version in own)

    def _conflict(self, record: Record, known: Record | None) -> Problem | None:
        """Return why a record cannot have its label, if it cannot."""
        latest = self._latest(record.name)
        if known is not None:
            reason = "OTHER_HASH"
            message = f"{known.label} has the program {known.ir_hash}, got {record.ir_hash}"
        elif same := self.having(record.ir_hash, name=record.name):
            reason = "SAME_HASH"
            message = f"got {record.label} for the program of {same[0].label}, expected another"
        elif latest is not None and record.version < latest.version and not self._mends(record):
            reason = "NOT_LATER"
            message = f"got {record.label}, expected a version above {latest.strategy.version}"
        else:
            return None
        text = {
            "OTHER_HASH": "raise the version",
            "SAME_HASH": "keep the version: nothing that it does has changed",
            "NOT_LATER": "raise the version above the latest, or the latest of an older line",
        }[reason]
        source = record.strategy.source
        return Problem(CONFLICT, reason, message, "/revision", source, hints=(Hint(text),))


class Registration(NamedTuple):
    """What came of adding a strategy: the registry that has it, and its record there."""

    registry: Registry
    record: Record


def load(home: str | Path | None = None) -> Registry:
    """Return the registry of the library and of a home.

    Args:
        home: Folder whose ``strategies/`` joins the library's; None for the library alone.

    Returns:
        A record for each document, lineage included. A document that is wrong, or whose label
        another one has, stands in ``refused`` instead.
    """
    records: list[Record] = []
    refused: list[Problem] = []
    for strategy_id in documents.found("strategies", home):
        try:
            strategy = compile_strategy(strategy_id, home=home)
            record = Record(strategy, lineages.read(strategy, home=home))
            version_of(strategy.version, source=strategy.source)
        except SpecError as refusal:
            refused += refusal.problems
            continue
        records.append(record)
    registry = Registry()
    for record in sorted(records, key=lambda each: each._key):
        try:
            registry, _ = registry.register(
                record.name, record.strategy.version, record.strategy, lineage=record.lineage
            )
        except SpecError as refusal:
            refused += refusal.problems
    return Registry(registry.records, tuple(refused))


def save(home: str | Path, record: Record) -> Path:
    """Write a strategy and its lineage where every other part of the project finds them.

    Args:
        home: Folder whose ``strategies/`` gets ``<id>.json``.
        record: What is written; its file is named by the id of its document.

    Returns:
        The document's file. One that is there already with the same content is left alone.

    Raises:
        SpecError: Reason ``ID_TAKEN``: another document has the id.
    """
    strategy = record.strategy
    target = Path(home) / "strategies" / f"{strategy.id}.json"
    known = documents.found("strategies", home).get(strategy.id)
    if known is not None and _doc_hash(known, home) != strategy.doc_hash:
        message = f'got the id "{strategy.id}" of {known.name}, expected one of its own'
        hint = Hint("register it under another id, or delete the other document")
        raise SpecError([Problem("DSL_SCHEMA_INVALID", "ID_TAKEN", message, "/id", hints=(hint,))])
    place = lineages.place(home, strategy.id)
    text = lineages.spelled(strategy, record.lineage)
    # The lineage first: whoever sees the document must not take it for an authored one.
    if text is not None:
        _write(place, text)
    else:
        place.unlink(missing_ok=True)
    if known is None:
        _write(target, json.dumps(strategy.document, indent=2, ensure_ascii=False) + "\n")
    return known or target


def _doc_hash(path: Path, home: str | Path) -> str:
    return sha256_hex(jcs(documents.read(path, "strategies", home=home).document))


def _write(path: Path, text: str) -> None:
    """Write a file so that no reader finds half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def free_id(registry: Registry, name: str, version: Version, ir_hash: str) -> str:
    """Return an id for the document of a new record.

    The name itself for the first of its name, else name and version; with a piece of the hash
    where another document has that id.
    """
    taken = {record.strategy.id for record in registry.records}
    spelled = re.sub("[^a-z0-9]", "-", str(version).lower())
    candidates: Iterator[str] = iter(
        (
            *(() if name in registry.names else (name,)),
            fitted(f"{name}-{spelled}"),
            fitted(f"{name}-{spelled}-{ir_hash[:8]}"),
        )
    )
    return next((each for each in candidates if each not in taken), fitted(f"{name}-{ir_hash}"))


def fitted(name: str) -> str:
    """Return a name no longer than an id may be; what is cut off is told apart by its hash."""
    return name if len(name) <= 64 else f"{name[:55]}-{sha256_hex(name.encode())[:8]}"
