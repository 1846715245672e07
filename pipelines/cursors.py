"""What a sensor leaves for its next tick, as Dagster keeps it: a text."""

from __future__ import annotations

import json
from typing import Self

from pydantic import TypeAdapter


class Cursor:
    """A dataclass of JSON values that a sensor keeps."""

    def text(self) -> str:
        """Return the cursor as Dagster keeps it."""
        return json.dumps(vars(self), sort_keys=True)

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Return the cursor of a text that `text` made; None of none, or of another version.

        Anybody may write one on the page: of other types, every tick would fail from then on.
        """
        try:
            cls(**json.loads(text or ""))  # refuses a name that is not known
            return TypeAdapter(cls).validate_json(text or "", strict=True)
        except (ValueError, TypeError):
            return None
