"""The documents of a home: those that are right, and those left out until they are mended.

Whatever is wrong with one, the others do not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Generic, TypeVar

from simcore import documents
from simcore.campaign import Campaign, check_document, load
from simcore.errors import ProvingError
from simcore.evolution.document import Evolution, read_evolution
from simcore.strategy.strategy import Strategy, compile_strategy

T = TypeVar("T")

NAMED: Final = ("scenarios", "suites", "tournaments")
"""Kinds of documents that campaigns name."""


@dataclass
class Sifted(Generic[T]):
    """Documents of one kind, or of some.

    Args:
        right: What each document means, by its id.
        refused: What is wrong with each of the others, a line a problem.
    """

    right: dict[str, T] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def strategies(home: Path, *, skipped: Iterable[str] = ()) -> Sifted[Strategy]:
    """Return every strategy, the library's and the home's.

    Args:
        home: Folder whose documents join the library's.
        skipped: Ids that are not looked at.
    """
    known = documents.found("strategies", home)
    wanted = {name: path for name, path in known.items() if name not in set(skipped)}
    found = _sifted(wanted, lambda name: compile_strategy(wanted[name], home=home))
    return Sifted(found.right, _printable(found.refused | _misplaced("strategies", home)))


def campaigns(home: Path) -> Sifted[Campaign]:
    """Return every campaign, and what is wrong with the home's documents that campaigns name.

    Args:
        home: Folder whose documents join the library's.

    Returns:
        Campaigns by their id; problems by kind and id, such as ``campaigns/mine``.
    """
    known = documents.found("campaigns", home)
    found = _sifted(known, partial(load, home=home, is_strict=False))
    refused = {f"campaigns/{name}": said for name, said in found.refused.items()}
    for kind in ("campaigns", *NAMED):
        refused |= {f"{kind}/{name}": said for name, said in _misplaced(kind, home).items()}
    for kind in NAMED:
        # The library's are proven by its own tests.
        own = {
            name: path for name, path in documents.found(kind, home).items() if home in path.parents
        }
        told = _sifted(own, lambda name, of=own: _problems(of[name], home))  # type: ignore[misc]
        said = told.refused | {name: lines for name, lines in told.right.items() if lines}
        refused |= {f"{kind}/{name}": lines for name, lines in said.items()}
    return Sifted(found.right, _printable(refused))


def evolutions(home: Path) -> Sifted[Evolution]:
    """Return every evolution.

    Args:
        home: Folder whose documents join the library's.
    """
    found = _sifted(
        documents.found("evolutions", home), lambda name: read_evolution(name, home=home)
    )
    return Sifted(found.right, _printable(found.refused | _misplaced("evolutions", home)))


def _sifted(names: Iterable[str], read: Callable[[str], T]) -> Sifted[T]:
    found: Sifted[T] = Sifted()
    for name in names:
        try:
            found.right[name] = read(name)
        except ProvingError as error:
            found.refused[name] = error.message
        except Exception as error:  # noqa: BLE001 — our bug is told of, and keeps nobody else waiting
            said = f"{type(error).__name__}: {error}"
            found.refused[name] = f"{name}: got {said}, which is a bug of Proving Ground"
    return found


def printable(text: str) -> str:
    """Return a name or a problem as a text can hold it: a system takes any bytes for a name."""
    return text.encode("utf-8", "backslashreplace").decode()


def _printable(refused: dict[str, str]) -> dict[str, str]:
    return {printable(name): printable(said) for name, said in refused.items()}


def _problems(path: Path, home: Path) -> str:
    told = check_document(str(path), home=home)
    return "\n".join(str(each) for each in told if each.severity == "error")


def _misplaced(kind: str, home: Path) -> dict[str, str]:
    """Return the problem of each file whose id another has, and of each that is no file."""
    odd = {Path(each.source).name: str(each) for each in documents.unlisted(kind, home)}
    return {Path(each.source).stem: str(each) for each in documents.taken(kind, home)} | odd
