"""The table of tournament formats."""

from __future__ import annotations

from typing import Final

from simcore.tournaments.formats.elimination import ELIMINATION
from simcore.tournaments.formats.gauntlet import GAUNTLET
from simcore.tournaments.formats.race import RACE
from simcore.tournaments.formats.round_robin import ROUND_ROBIN
from simcore.tournaments.formats.sprt import SPRT
from simcore.tournaments.formats.swiss import SWISS
from simcore.tournaments.game import Format

FORMATS: Final[dict[str, Format]] = {
    row.name: row for row in (ROUND_ROBIN, GAUNTLET, ELIMINATION, SWISS, RACE, SPRT)
}
