"""Documents as a sensor saw them: a run works on what was requested, not on a later edit."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from simcore.errors import StoreError
from simcore.lake import put
from simcore.seeds import jcs, sha256_hex

HASH_TAG: Final = "proving/strategy_hash"
"""Tag of a run that names the snapshot it is to work on."""


def path(home: Path, doc_hash: str) -> Path:
    """Return where the snapshot with that hash lies or will lie."""
    return home / "journal" / ".cas" / f"{doc_hash}.json"


def keep(home: Path, document: dict[str, Any]) -> str:
    """Write a document under the hash of its canonical JSON and return the hash."""
    content = jcs(document)
    doc_hash = sha256_hex(content)
    target = path(home, doc_hash)
    # One that a power cut tore would be refused by every run that asks for it.
    if not (target.is_file() and target.read_bytes() == content):
        put(target, content)
    return doc_hash


def recall(home: Path, doc_hash: str) -> str:
    """Return the canonical JSON of a document that was kept.

    Raises:
        StoreError: ``ABSENT`` or ``TORN``.
    """
    target = path(home, doc_hash)
    if not target.exists():
        raise StoreError(
            "ABSENT",
            f"{target}: there is no such file, expected the document that the run was requested "
            "for [request the run again without its tag, on the document of today]",
        )
    content = target.read_bytes()
    if sha256_hex(content) != doc_hash:
        raise StoreError("TORN", f"{target}: got other content than its name says [delete it]")
    return content.decode()
