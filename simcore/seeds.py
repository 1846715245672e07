"""One root seed, every other derived by name; and the one spelling of a document that is hashed."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import rfc8785

SEED_MAX: Final = 2**53 - 1


def jcs(document: Any) -> bytes:
    """Return the canonical JSON (RFC 8785) of a document."""
    return rfc8785.dumps(document)


def sha256_hex(content: bytes) -> str:
    """Return the SHA-256 of `content` as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def derive(root_seed: int, *path: str | int) -> int:
    """Return the seed for the thing that `path` names.

    The result depends on the root and the names alone, so it is the same in whatever order,
    process or partition the work is done.

    Args:
        root_seed: Seed of the whole, 0 to 2**53 - 1.
        path: Names from the widest to the narrowest, such as ``("market", 2)``.

    Returns:
        A seed, 0 to 2**53 - 1.
    """
    # Canonical JSON, so that ("a", "bc") is not ("ab", "c").
    digest = hashlib.sha256(jcs(["pg.seed.v1", root_seed, *path])).digest()
    return int.from_bytes(digest[:8], "little") >> 11  # 53 bits: portable in JSON
