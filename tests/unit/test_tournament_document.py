"""Documents of tournaments: what is refused, and where."""

from __future__ import annotations

from typing import Any

import pytest
from league import document

from simcore.errors import SpecError


@pytest.mark.parametrize(
    ("changes", "reason", "path"),
    [
        ({"format": {"type": "swis"}}, "BAD_ENUM", "/format/type"),
        ({"score": {"type": "composite_v9"}}, "BAD_ENUM", "/score/type"),
        ({"score": {"weights": [0.6, 0.6]}}, "WEIGHTS", "/score"),
        ({"score": {"weights": [1.0]}}, "WEIGHTS", "/score"),
        ({"entries": ["alpha", "alpha"]}, "DUPLICATE", "/entries"),
        ({"entries": "everyone"}, "WRONG_TYPE", "/entries"),
        ({"scenarios": []}, "OUT_OF_RANGE", "/scenarios"),
        ({"seed": -1}, "OUT_OF_RANGE", "/seed"),
        ({"seed": 1.5}, "WRONG_TYPE", "/seed"),
        ({"alpha": 0.0}, "OUT_OF_RANGE", "/alpha"),
        ({"initial_cash": 0}, "OUT_OF_RANGE", "/initial_cash"),
        ({"prize": 1}, "UNKNOWN_FIELD", "/prize"),
        ({"version": "2.0.0"}, "VERSION_UNSUPPORTED", "/version"),
        ({"execution": "honest_v2"}, "UNKNOWN_ID", "/execution"),
        ({"execution": {"base": "honest_v1", "fee_bps": -1}}, "OUT_OF_RANGE", "/execution/fee_bps"),
    ],
)
def test_a_wrong_document_is_refused_with_reason_and_place(
    changes: dict[str, Any], reason: str, path: str
) -> None:
    with pytest.raises(SpecError) as refused:
        document(**changes)
    assert [(p.reason, p.path, p.code) for p in refused.value.problems] == [
        (reason, path, "DOC_INVALID")
    ]
    assert refused.value.problems[0].source == "cup"


def test_all_that_is_wrong_with_a_document_is_said_at_once() -> None:
    with pytest.raises(SpecError) as refused:
        document(seed="one", alpha=2.0, format={"type": "ladder"})
    assert len(refused.value.problems) == 3
