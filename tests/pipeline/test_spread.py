"""A step with many partitions is cut into runs that leave none out and take none twice."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from pipelines import headless
from pipelines.definitions import build
from simcore.campaign import load


def spans(home: Path, instance: dg.DagsterInstance, group: str, pieces: int) -> list[list[str]]:
    """The strategies of each run of a group's assets, as Dagster reads its range."""
    headless.register(instance, home)
    campaign = load("c0-tiny", home=home)
    (assets,) = (each for each in headless._in_order(build(home)) if headless._name(each) == group)
    ordered = instance.get_dynamic_partitions("strategy")
    found = []
    for tags in headless._spans(assets, campaign, instance, set(), pieces=pieces):
        ends = [tags[name].split("|")[-1] for name in (headless.RANGE_START, headless.RANGE_END)]
        first, last = (ordered.index(end) for end in ends)
        found.append(ordered[first : last + 1])
    return found


@pytest.mark.parametrize("pieces", [1, 2, 3, 10, 99])
@pytest.mark.parametrize("group", ["strategies", "backtests"])
def test_runs_share_the_strategies_of_a_campaign_evenly(
    home: Path, instance: dg.DagsterInstance, group: str, pieces: int
) -> None:
    wanted = {strategy.id for strategy in load("c0-tiny", home=home).strategies}
    found = spans(home, instance, group, pieces)
    assert sorted(key for span in found for key in span) == sorted(wanted)
    assert len(found) <= min(pieces, len(wanted))
    assert max(map(len, found)) == -(-len(wanted) // pieces)


def test_a_key_of_another_campaign_between_them_is_in_no_run(
    home: Path, instance: dg.DagsterInstance
) -> None:
    names = sorted(strategy.id for strategy in load("c0-tiny", home=home).strategies)
    instance.add_dynamic_partitions("strategy", [*names[:3], "not-entered", *names[3:]])
    found = spans(home, instance, "backtests", 2)
    assert sorted(key for span in found for key in span) == names
    assert found[0] == names[:3]
