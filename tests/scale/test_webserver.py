"""Dagster's page on Postgres, with the definitions in a process of their own."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from assets import checks
from simcore.tables import TABLES
from tests.scale import servers, small

NODES = "{ assetNodes { assetKey { path } groupName } }"
CHECKED = """query($key: AssetKeyInput!, $partitions: [String!]!) {
  assetNodeOrError(assetKey: $key) {
    ... on AssetNode {
      assetMaterializations(partitions: $partitions) { partition }
      assetChecksOrError {
        ... on AssetChecks {
          checks {
            name
            partitionStatuses {
              ... on AssetCheckDefaultPartitionStatuses { succeededPartitions failedPartitions }
            }
          }
        }
      }
    }
  }
}"""


@pytest.fixture(scope="module")
def page(cluster: servers.Cluster, spread: small.Spread) -> Iterator[str]:
    assert spread.summary.failures == []
    with cluster.webserver() as url:
        yield url


def answer(page: str, query: str, **variables: Any) -> Any:
    """Ask as the page asks its server."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    asked = urllib.request.Request(
        f"{page}/graphql", body, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked, timeout=120) as found:
        told = json.load(found)
    assert "errors" not in told, told
    return told["data"]


def test_the_page_of_a_pool_shows_every_asset_in_its_group(page: str) -> None:
    nodes = answer(page, NODES)["assetNodes"]
    assert sorted(each["assetKey"]["path"] for each in nodes) == sorted([name] for name in TABLES)
    assert {each["groupName"] for each in nodes}.isdisjoint({"default", None})
    with urllib.request.urlopen(f"{page}/assets", timeout=60) as found:
        assert "Dagster" in found.read().decode()


def test_the_page_of_a_pool_shows_what_its_workers_made_and_each_check_of_it(page: str) -> None:
    asked = {"key": {"path": ["standings"]}, "partitions": [small.WHOLE]}
    node = answer(page, CHECKED, **asked)["assetNodeOrError"]
    assert {each["partition"] for each in node["assetMaterializations"]} == {small.WHOLE}
    found = {
        each["name"]: each["partitionStatuses"] for each in node["assetChecksOrError"]["checks"]
    }
    assert set(found) == {spec.name for spec in checks.specs(TABLES["standings"])}
    for status in found.values():
        assert small.WHOLE in status["succeededPartitions"]
        assert status["failedPartitions"] == []
