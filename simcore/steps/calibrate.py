"""How often the gate would err at the costs of a campaign."""

from __future__ import annotations

from typing import Final

from simcore import engine
from simcore.backtests.request import execution_fields
from simcore.campaign import Campaign
from simcore.steps.step import Outcome, Rows, Step, settled, with_facts
from simcore.store import Partition, Provenance, Store
from simcore.tables import TABLES
from simcore.tournaments.calibration import QUICK, SMALL, calibration

STEP: Final = Step.of(
    ("calibration",), ("tournaments", "scoring", "backtests", "scenario", "strategy")
)


def calibrations(store: Store, campaign: Campaign) -> list[Outcome]:
    """Play placebo and power tournaments at a campaign's costs: the table `calibration`."""
    partition = Partition(campaign=campaign.id)
    asked = campaign.document
    provenance = Provenance(
        documents={},
        seed=asked.seed,
        engine_version=engine.version(),
        settings={"code": STEP.code, "execution": execution_fields(asked.execution)},
    )

    def calibrate() -> Rows:
        rows = calibration(SMALL, seed=asked.seed, designs=QUICK, execution=asked.execution)
        return {"calibration": rows}

    outcomes = settled(store, STEP.tables, partition, provenance, calibrate)
    rows = store.read(TABLES["calibration"], partition)
    facts = {
        row["design"]: f"{row['rate']:.2f} ({row['rate_lo']:.2f} to {row['rate_hi']:.2f}) of "
        f"{row['n_tournaments']}, {row['verdict']}"
        for row in rows.to_dicts()
    }
    return with_facts(outcomes, facts)
