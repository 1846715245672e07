"""The table of tournament formats."""

from __future__ import annotations

from typing import Final

from simcore.tournaments.formats.round_robin import ROUND_ROBIN
from simcore.tournaments.game import Format

FORMATS: Final[dict[str, Format]] = {row.name: row for row in (ROUND_ROBIN,)}
