"""What a sensor leaves for its next tick, as Dagster keeps it: a text."""

from __future__ import annotations

import json
from typing import Self


class Cursor:
    """A dataclass of JSON values that a sensor keeps."""

    def text(self) -> str:
        """Return the cursor as Dagster keeps it."""
        return json.dumps(vars(self), sort_keys=True)

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Return the cursor of a text that `text` made; None of none, or of another version."""
        try:
            return cls(**json.loads(text or ""))
        except (ValueError, TypeError):
            return None
