"""Labels for people: semantic versions, read strictly, and the next one after a change.

What identifies a strategy is its hash; a version only says how it stands to earlier ones. Two
versions that differ in build metadata alone compare as equal, as the standard has it.
"""

from __future__ import annotations

from typing import Final, Literal

from semver import Version

from simcore.errors import SpecError
from simcore.problems import Hint, Problem

__all__ = ["VERSION_MAX", "Step", "Version", "bumped", "version_of"]

Step = Literal["major", "minor", "patch"]
"""How far a version moves: past what was promised, beside it, or within it."""

VERSION_MAX: Final = 120


def version_of(text: str, *, source: str = "") -> Version:
    """Return the version that a text spells.

    Args:
        text: Such as ``1.0.0-rc.1+linux``; no leading zeros, no empty part.
        source: Document it stands in, for the message.

    Raises:
        SpecError: It spells none.

    Source:
        Preston-Werner (2013), Semantic Versioning 2.0.0.
    """
    # The library's pattern ends with `$`, which a final line feed would pass.
    is_spelled = len(text) <= VERSION_MAX and text.isascii() and not text.endswith("\n")
    if is_spelled and Version.is_valid(text):
        return Version.parse(text)
    message = f"got {text[:VERSION_MAX]!r}, expected a semantic version"
    hint = Hint("write three numbers such as 0.1.0, then -rc.1 for a pre-release")
    problem = Problem("DSL_SCHEMA_INVALID", "BAD_ID", message, "/revision", source, hints=(hint,))
    raise SpecError([problem])


def bumped(version: Version, step: Step) -> Version:
    """Return the next release after a change.

    A pre-release becomes the release it announces where that is step enough.
    """
    return version.next_version(step)
