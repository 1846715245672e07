"""One generation of an evolution, made from those that lie in the lake before it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl

from simcore import engine
from simcore.backtests.trials import TrialLedger
from simcore.errors import StoreError
from simcore.evolution.document import GENERATIONS_MAX, Evolution
from simcore.evolution.generation import check_number, generation
from simcore.evolution.ledger import tried_before
from simcore.evolution.markets import salt_of
from simcore.steps.step import Outcome, Rows, Step, needed, settled, with_facts
from simcore.store import Partition, Provenance, Store
from simcore.tables import TABLES

STEP: Final = Step.of(
    ("populations", "generations", "holdouts", "promotions"),
    ("evolution", "strategy", "backtests", "scoring", "scenario"),
)
_TRIALS: Final = "trials/before"
"""Where a footer says what was tried on the histories before: count, space, digest."""

GENERATION_KEYS: Final = tuple(f"g{number:03d}" for number in range(GENERATIONS_MAX))
"""Keys of the generations, the first one first."""


def makeable_generations(store: Store) -> list[str]:
    """Return the keys of the generations that any evolution has, and of the one that is next."""
    made = store.partitions(TABLES["generations"])
    deepest = max((GENERATION_KEYS.index(str(each.generation)) for each in made), default=-1)
    return list(GENERATION_KEYS[: deepest + 2])


def evolved(store: Store, evolution: Evolution, number: int, salt: str | None) -> list[Outcome]:
    """Make one generation: the tables `populations`, `generations`, `holdouts`, `promotions`.

    Every trial of its training and of its sealed set goes into the ledger.

    Args:
        store: The lake.
        evolution: What is bred and where.
        number: Of the generation, from zero.
        salt: The secret that the evolution commits to; None takes the document's.

    Raises:
        StoreError: ABSENT, a generation before it is not there; OUTDATED, one was made from
            another document.
        SpecError: As `simcore.evolve_generation`; SEAL_REUSED also where a document that was
            changed since would open the same sealed set again, or another evolution would ask a
            history that was held out before.
    """
    check_number(evolution, number, number)
    name = f"evolutions/{evolution.id}"
    places = [
        Partition(evolution=evolution.id, generation=key) for key in GENERATION_KEYS[: number + 1]
    ]
    upstream = _upstream(store, evolution, places[:number])
    here = places[number]
    known = _tried_before(store, evolution)
    provenance = Provenance(
        documents={name: evolution.manifest_hash, **({_TRIALS: known} if known else {})},
        seed=evolution.document.seed,
        engine_version=engine.version(),
        upstream=upstream,
        settings={
            "code": STEP.code,
            "generation": number,
            "stop": evolution.document.stop.model_dump(mode="json"),
        },
    )

    n_tried = int(known.split()[0]) if known else 0
    outcomes = settled(
        store,
        STEP.tables,
        here,
        provenance,
        lambda: _made(store, evolution, places, salt_of(evolution, salt), n_tried),
    )
    row = store.read(TABLES["generations"], here).row(0, named=True)
    shown = (
        "champion_after", "is_promoted", "champion_score", "generalisation_gap",
        "generalisation_gap_lo", "generalisation_gap_hi", "k_cumulative", "diversity", "stop",
    )  # fmt: skip
    return with_facts(outcomes, {each: row[each] for each in shown})


def _made(
    store: Store, evolution: Evolution, places: Sequence[Partition], salt: str, tried_before: int
) -> Rows:
    """Make the last of these generations, and write down what it tried."""
    *earlier, here = places
    made = generation(
        evolution,
        len(earlier),
        [{table.name: store.read(table, each) for table in STEP.tables[:3]} for each in earlier],
        salt,
        used_seeds=_opened_otherwise(store, evolution),
        used_histories=_held_out_otherwise(store, evolution),
        tried_before=tried_before,
    )
    ledger = Partition(campaign=evolution.id, strategy=here.generation)
    TrialLedger(store).add(ledger, made.trials)
    return made.rows


def _tried_before(store: Store, evolution: Evolution) -> str:
    """Return count and digest of what others had tried on the histories when the evolution began.

    They are read of the ledger once. From then on every generation has them in its footer, so that
    one that is lost comes back the same, whatever was tried since. Empty where markets are made.
    """
    if not evolution.known_histories:
        return ""
    table = TABLES["generations"]
    for place in store.partitions(table):
        if place.evolution != evolution.id:
            continue
        try:
            footer = store.footer(table, place)
        except StoreError as error:
            if error.is_unanswered:
                raise  # what it was made from may well stand there
            continue  # torn: it is made anew, and the others say what it was made from
        documents = {} if footer is None else footer.documents
        if documents.get(f"evolutions/{evolution.id}") == evolution.manifest_hash:
            known = documents.get(_TRIALS)
            if known:
                return known
    found = tried_before(evolution, store)
    return f"{found.k} {found.digest}"


def _upstream(store: Store, evolution: Evolution, places: Sequence[Partition]) -> dict[str, str]:
    """Content hash of each partition of the generations before."""
    found = {}
    for place in places:
        for table in STEP.tables[:3]:
            footer = needed(store, table, place)
            if footer.documents.get(f"evolutions/{evolution.id}") != evolution.manifest_hash:
                raise StoreError(
                    "OUTDATED",
                    f"{footer.path}: got a generation of another document, expected one of "
                    f"{evolution.manifest_hash} [materialise the generations from the first on]",
                    is_passing=True,
                )
            found[f"{table.name}/{place.key}"] = footer.content_hash
    return found


def outdated_generations(store: Store, evolution: Evolution) -> tuple[str, ...]:
    """Return the keys of the generations that lie in the lake and are of another document.

    Empty where the document is as it was, whatever its spelling, or no generation was made. A
    document that was changed needs another salt too: it would open the same sealed markets again.

    Args:
        store: The lake.
        evolution: As its document is now.

    Raises:
        StoreError: A file cannot be read.
    """
    table = TABLES["generations"]
    name = f"evolutions/{evolution.id}"
    own = (place for place in store.partitions(table) if place.evolution == evolution.id)
    return tuple(
        str(place.generation)
        for place in own
        if needed(store, table, place).documents.get(name) != evolution.manifest_hash
    )


def salt_in(home: str | Path, evolution: Evolution) -> str | None:
    """Return the salt that lies beside the user's evolutions; None where none does."""
    path = Path(home) / "evolutions" / f"{evolution.id}.salt"
    return path.read_text(encoding="utf-8").strip() if path.is_file() else None


def _opened_otherwise(store: Store, evolution: Evolution) -> list[int]:
    """Seeds of the sealed sets that this evolution opened when its document was another."""
    table = TABLES["generations"]
    seeds: list[int] = []
    for place in store.partitions(table):
        if place.evolution != evolution.id:
            continue
        rows = store.read(table, place, ["manifest_hash", "sealed_seeds"])
        others = rows.filter(pl.col("manifest_hash") != evolution.manifest_hash)
        seeds += [seed for text in others["sealed_seeds"] for seed in json.loads(text)]
    return seeds


def _held_out_otherwise(store: Store, evolution: Evolution) -> list[str]:
    """Lineages of histories that other evolutions asked, or this one by another document."""
    table = TABLES["holdouts"]
    found: set[str] = set()
    for place in store.partitions(table):
        footer = needed(store, table, place)
        by = footer.documents.get(f"evolutions/{evolution.id}")
        if by != evolution.manifest_hash:
            rows = store.read(table, place, ["histories"])
            found.update(each for text in rows["histories"] for each in text.split())
    return sorted(found)
