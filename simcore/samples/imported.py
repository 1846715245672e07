"""The runs of a collection read and measured once more: whole, as that is cheap."""

from __future__ import annotations

from pathlib import Path

from simcore import steps
from simcore.samples.sample import NOT_JUDGED, Again, is_of_today
from simcore.steps.lakes import Anew
from simcore.store import Store


def imported_again(store: Store, home: Path, collection: str) -> Again:
    """Make the tables of a collection of imported runs again out of its documents.

    Args:
        store: The lake.
        home: Holds the documents.
        collection: Its id.

    Raises:
        SpecError: There is no document any more, or one of them is wrong.
        StoreError: The tables are not there.
    """
    if not is_of_today(store, lambda lake: steps.imports(lake, home, collection)):
        return NOT_JUDGED
    lake = Anew(store.root)
    steps.imports(lake, home, collection)
    return Again(collection, lake.made)
