"""The digest of the Python behind a step."""

from __future__ import annotations

from pathlib import Path

from simcore.sources import digest


def _package(root: Path, judge: str) -> Path:
    (root / "chaos" / "oracles").mkdir(parents=True)
    (root / "chaos" / "oracles" / "orders.py").write_text(judge)
    (root / "report.py").write_text("TITLE = 1\n")
    return root


def test_a_mended_judge_has_another_digest_and_its_neighbours_do_not(tmp_path: Path) -> None:
    one = _package(tmp_path / "one", "LIMIT = 1\n")
    two = _package(tmp_path / "two", "LIMIT = 2\n")
    assert digest("chaos", root=one) != digest("chaos", root=two)
    assert digest("report.py", root=one) == digest("report.py", root=two)


def test_line_ends_and_order_do_not_matter(tmp_path: Path) -> None:
    one = _package(tmp_path / "one", "LIMIT = 1\nOTHER = 2\n")
    two = _package(tmp_path / "two", "LIMIT = 1\r\nOTHER = 2\r\n")
    assert digest("chaos", "report.py", root=one) == digest("report.py", "chaos", root=two)
