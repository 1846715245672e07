"""The sections of the report of a campaign, in the order of the page: one module each."""

from __future__ import annotations

from typing import Final

from simcore.report import (
    chaos,
    equity,
    evidence,
    gate,
    generalisation,
    incidents,
    not_shown,
    portfolios,
    provenance,
    regimes,
    resampled,
    standings,
    timeline,
    verdict,
    what_was_run,
)

SECTIONS: Final = tuple(
    part.SECTION
    for part in (
        verdict,
        not_shown,
        what_was_run,
        standings,
        evidence,
        equity,
        resampled,
        generalisation,
        regimes,
        portfolios,
        gate,
        chaos,
        timeline,
        incidents,
        provenance,
    )
)
