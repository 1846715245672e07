"""The catalogue names every member of every open set."""

from __future__ import annotations

from simcore import engine
from simcore.inventory import catalogue
from simcore.scoring import SCORES
from simcore.tournaments.formats import FORMATS


def test_the_catalogue_names_every_member_once() -> None:
    found = catalogue()
    names = {kind: [row["name"] for row in rows] for kind, rows in found.items()}
    assert names["formats"] == list(FORMATS)
    assert names["scores"] == list(SCORES)
    for kind in ("families", "overlays", "indicators", "metrics"):
        assert names[kind] == [row["name"] for row in engine.catalogue()[kind]]
    assert all(len(set(each)) == len(each) > 0 for each in names.values())


def test_what_is_listed_in_python_says_what_it_is_and_where_it_comes_from() -> None:
    found = catalogue()
    rows = [*found["formats"], *found["scores"]]
    assert [row["name"] for row in rows if not (row["meaning"] and row["source"])] == []
