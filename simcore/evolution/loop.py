"""Generation after generation in memory, for the SDK; `simcore.steps` does it in the lake."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simcore.backtests.trials import BY_HAND, TrialLedger
from simcore.evolution.document import Evolution, read_evolution
from simcore.evolution.generation import Generation, generation
from simcore.evolution.ledger import tried_before
from simcore.evolution.markets import salt_of
from simcore.store import Partition, Store

Document = str | Path | dict[str, Any] | Evolution


def evolve_generation(
    document: Document,
    before: Sequence[Generation] = (),
    *,
    home: str | Path | None = None,
    salt: str | None = None,
) -> Generation:
    """Make the next generation of an evolution, in memory.

    Args:
        document: An evolution, or its document, id, path or text.
        before: Every generation before it, in order; none for the first.
        home: Folder whose documents join the library's. With one, every run is a trial of its
            ledger, and what others had tried on the histories when the first generation was made
            counts for all of them.
        salt: The secret that the document commits to; None takes the document's.

    Returns:
        Rows of the tables `populations`, `generations` and `promotions`, and the champion. The
        same arguments give the same rows, byte for byte; of a history, with the same ledger.

    Raises:
        SpecError: The document is wrong, its budget is used up, the salt is missing or another,
            or the sealed set was used before.
    """
    evolution = read_evolution(document, home=home)
    rows = [each.rows for each in before]
    secret = salt_of(evolution, salt)
    if home is None:
        return generation(evolution, len(before), rows, secret)
    store = Store.of(home)
    tried = 0 if before else tried_before(evolution, store).k
    made = generation(evolution, len(before), rows, secret, tried_before=tried)
    TrialLedger(store).add(Partition(campaign=BY_HAND, strategy=evolution.id), made.trials)
    return made


def evolve(
    document: Document,
    *,
    n_generations: int | None = None,
    home: str | Path | None = None,
    salt: str | None = None,
) -> list[Generation]:
    """Make generations until a stop rule holds, in memory.

    Args:
        document: As `evolve_generation` takes it.
        n_generations: Most that are made; None leaves it to the document.
        home: As `evolve_generation` takes it.
        salt: As `evolve_generation` takes it.

    Raises:
        SpecError: As `evolve_generation`.
    """
    evolution = read_evolution(document, home=home)
    most = evolution.document.stop.generations if n_generations is None else n_generations
    made: list[Generation] = []
    while len(made) < most and not (made and made[-1].stop):
        made.append(evolve_generation(evolution, made, home=home, salt=salt))
    return made
