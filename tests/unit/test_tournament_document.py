"""Documents of tournaments: what is refused, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from league import DOCUMENT, document

import simcore
from simcore.errors import SpecError
from simcore.tournaments.simulated import planned


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


class TestPlan:
    CUP: ClassVar[dict[str, Any]] = {
        **{name: value for name, value in DOCUMENT.items() if name != "score"},
        "entries": ["ma_cross", "buy_and_hold"],
        "scenarios": ["vol-calm", "slow"],
    }

    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        """A home with a scenario of a timeframe that no entry trades."""
        (tmp_path / "scenarios").mkdir()
        (tmp_path / "scenarios" / "slow.toml").write_text(
            'version = "0.1.0"\nid = "slow"\nfamily = "trend"\ntimeframe = "4h"\nseed = 4\n'
            'duration_bars = 100\nvolume_model = "const"\nparams = { drift = 1.0, sigma = 20.0 }\n'
        )
        return tmp_path

    def test_markets_on_which_nobody_meets_are_not_counted(self, home: Path) -> None:
        for arena, meet in ((None, ""), ({"depth_base_per_bps": 1.0}, " in 1 arenas")):
            line, plan = planned({**self.CUP, "arena": arena}, home=home)
            assert f"2 entries, 1 markets, round_robin{meet};" in line
            assert plan.scenarios == 1

    def test_weights_are_those_of_the_markets_that_are_played(self, home: Path) -> None:
        weighed = {**self.CUP, "family_weights": {"vol_cluster": 1.0}}
        assert planned(weighed, home=home)[1].scenarios == 1
        assert simcore.tournament(weighed, home=home).games.height == 1

    @pytest.mark.parametrize(
        ("changes", "reasons"),
        [
            ({"entries": "campaign", "scenarios": "campaign"}, ["CAMPAIGN_ONLY", "CAMPAIGN_ONLY"]),
            ({"entries": ["ma_cross"]}, ["NO_GAMES"]),
            ({"scenarios": ["slow"]}, ["NO_GAMES"]),
            ({"entries": ["ma_cross", "nobody"]}, ["UNKNOWN_ID"]),
        ],
    )
    def test_what_cannot_be_played_cannot_be_planned(
        self, home: Path, changes: dict[str, Any], reasons: list[str]
    ) -> None:
        with pytest.raises(SpecError) as refusal:
            planned({**self.CUP, **changes}, home=home)
        assert [each.reason for each in refusal.value.problems] == reasons
