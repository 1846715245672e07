"""The page of a campaign: its tables in words and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from simcore import engine
from simcore.campaign import Campaign
from simcore.report import page
from simcore.report.material import COLUMNS, OF_CAMPAIGN, OF_RUNS, File, Material, named, thinned
from simcore.report.sections import sections, text
from simcore.steps.step import Outcome, Rows, Step, needed, settled, with_facts
from simcore.store import Footer, Partition, Provenance, Store
from simcore.tables import TABLES

STEP: Final = Step.of(("report",), ("report",))


def report(store: Store, campaign: Campaign) -> list[Outcome]:
    """Put a campaign's tables into words: the table `report`.

    Raises:
        StoreError: A table that it reads is not there.
    """
    partition = Partition(campaign=campaign.id)
    places = _places(campaign)
    footers = {
        (name, place.key): needed(store, TABLES[name], place)
        for name, each in places.items()
        for place in each
    }
    provenance = Provenance(
        documents={f"campaigns/{campaign.id}": campaign.doc_hash},
        seed=campaign.document.seed,
        engine_version=engine.version(),
        upstream={f"{name}/{key}": each.content_hash for (name, key), each in footers.items()},
        settings={"code": STEP.code},
    )

    def write() -> Rows:
        asked = campaign.document.model_dump(mode="json")
        asked["strategies"] = [strategy.id for strategy in campaign.strategies]
        material = Material(
            campaign=asked,
            tables={name: _rows(store, name, each) for name, each in places.items()},
            files=tuple(_file(key, each) for (_, key), each in footers.items()),
            documents=dict(provenance.documents),
            engine_version=provenance.engine_version,
        )
        return {"report": sections(material)}

    outcomes = settled(store, STEP.tables, partition, provenance, write)
    return with_facts(outcomes, {"page": text(store.read(TABLES["report"], partition))})


def write_page(store: Store, campaign_id: str, path: Path) -> Path:
    """Put the report of a campaign in place as one file of HTML, and return where it lies.

    Raises:
        StoreError: The report is not there.
    """
    return page.write(store.read(TABLES["report"], Partition(campaign=campaign_id)), path)


def _places(campaign: Campaign) -> dict[str, list[Partition]]:
    """Return the partitions that a report is made from, by table."""
    whole = [Partition(campaign=campaign.id)]
    runs = [Partition(campaign=campaign.id, strategy=each.id) for each in campaign.strategies]
    return {**dict.fromkeys(OF_CAMPAIGN, whole), **dict.fromkeys(OF_RUNS, runs)}


def _rows(store: Store, name: str, places: list[Partition]) -> pl.DataFrame:
    """Return the rows of some partitions: the columns that are told, of curves a few points."""
    table = TABLES[name]
    columns = COLUMNS.get(name)
    empty = table.empty() if columns is None else table.empty().select(columns)
    parts = [named(name, empty, "")]
    for place in places:
        rows = named(name, store.read(table, place, columns), str(place.strategy))
        parts.append(thinned(rows) if name == "equity" else rows)
    return pl.concat(parts)


def _file(key: str, footer: Footer) -> File:
    return File(footer.table, key, footer.rows, footer.content_hash, footer.schema_version)
