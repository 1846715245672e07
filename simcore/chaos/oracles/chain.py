"""Judge of the two logs as evidence: dense, in time, chained, anchored."""

from __future__ import annotations

from simcore.chaos import log
from simcore.chaos.evidence import Evidence, Finding

TABLE_OF = {"system": "events", "exchange": "xlog"}


def chain(evidence: Evidence) -> Finding:
    """Judge S09: both logs are dense and in time, and their chains meet every anchor.

    Args:
        evidence: The run; the digest of its universe stands beside its anchors.

    Returns:
        One case for each record and each anchor. The first bad record is one of the system's
        log if that is at fault, else of the exchange's.
    """
    run = evidence.run
    anchors = run.tables["anchors"]
    digests = anchors["universe_sha256"].unique().to_list()
    cases = anchors.height
    faults: list[log.Fault] = []
    for name, table in TABLE_OF.items():
        rows = run.tables[table]
        cases += rows.height
        universe = digests[0] if len(digests) == 1 else ""
        identity = log.identity(name, run.campaign, run.seed, run.arm, universe)
        faults += log.verify(rows, anchors, name, identity, evidence.days)
        if name == "system" and log.run_id(identity) != run.run_id.hex():
            faults.append(log.Fault("run id is not that of the identity", 0))
    first = faults[0].seq if faults else None
    return Finding(cases, len(faults), first)
