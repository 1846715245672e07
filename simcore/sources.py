"""Which Python made a number: a digest of the sources behind a step.

The engine names its own sources in its version; scores, ratings and oracles are Python, and a judge
that was mended must judge again.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent


@cache
def digest(*parts: str, root: Path = ROOT) -> str:
    """Return the SHA-256 of all Python below some folders of this package.

    Args:
        parts: Names of folders or files below `root`, such as ``"chaos"`` or ``"report.py"``.
        root: Folder of the package.

    Returns:
        64 hexadecimal digits; the same for any order of `parts` and any line ends.
    """
    paths: set[Path] = set()
    for part in parts:
        place = root / part
        paths |= set(place.rglob("*.py")) if place.is_dir() else {place}
    content = hashlib.sha256()
    for path in sorted(paths):
        content.update(path.relative_to(root).as_posix().encode() + b"\0")
        content.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return content.hexdigest()
