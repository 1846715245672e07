"""Semantic versions: which there are, how they follow each other, and which comes next."""

from __future__ import annotations

import itertools

import pytest

from simcore.errors import SpecError
from simcore.strategy.versions import Step, bumped, version_of

# Each before the next; from alpha to 1.0.0 it is the standard's own example.
ASCENDING = [
    "0.0.0-0",
    "0.0.0",
    "0.9.9",
    "1.0.0-2",
    "1.0.0-10",
    "1.0.0--",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1-0a",
    "1.0.2",
    "1.0.10",
    "1.2.0",
    "1.10.0",
    "2.0.0-1",
    "10.0.0",
]


def test_versions_follow_each_other_as_the_standard_says() -> None:
    keys = [version_of(text) for text in ASCENDING]
    for earlier, later in itertools.pairwise(keys):
        assert earlier < later


def test_build_metadata_orders_nothing() -> None:
    one, other = version_of("1.0.0-rc.1+linux.007"), version_of("1.0.0-rc.1")
    assert one == other
    assert str(one) != str(other)


@pytest.mark.parametrize("text", [*ASCENDING, "1.0.0+001", "1.0.0-a-b.0+x-y.--"])
def test_a_version_is_spelled_as_it_was_read(text: str) -> None:
    assert str(version_of(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "1", "1.0", "1.0.0.0", "v1.0.0", "01.0.0", "1.00.0", "1.0.0-", "1.0.0+", "1.0.0-01",
        "1.0.0-a..b", "1.0.0-a.", "1.0.0-.a", "1.0.0+a..b", "1.0.0-a_b", "1.0.0+a+b", " 1.0.0",
        "1.0.0\n", "-1.0.0", "1.0.0-é", "1.0.0-" + "a" * 200,
    ],
)  # fmt: skip
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(SpecError) as refused:
        version_of(text, source="mine.toml")
    problem = refused.value.problems[0]
    assert (problem.reason, problem.path, problem.source) == ("BAD_ID", "/revision", "mine.toml")


@pytest.mark.parametrize(
    ("text", "step", "expected"),
    [
        ("0.1.0", "patch", "0.1.1"),
        ("0.1.9", "minor", "0.2.0"),
        ("0.1.9", "major", "1.0.0"),
        ("1.2.3+build", "patch", "1.2.4"),
        ("1.2.3", "minor", "1.3.0"),
        ("1.2.3", "major", "2.0.0"),
        # A pre-release is on its way to a release, which may be step enough.
        ("1.2.3-rc.1", "patch", "1.2.3"),
        ("1.2.0-rc.1", "minor", "1.2.0"),
        ("1.2.3-rc.1", "minor", "1.3.0"),
        ("2.0.0-rc.1", "major", "2.0.0"),
        ("2.1.0-rc.1", "major", "3.0.0"),
    ],
)
def test_the_next_version_is_a_release_above(text: str, step: Step, expected: str) -> None:
    version = version_of(text)
    following = bumped(version, step)
    assert str(following) == expected
    assert following > version
