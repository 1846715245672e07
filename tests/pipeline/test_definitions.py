from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
import yaml

from assets.checks import sentences
from pipelines import home as homes
from pipelines.definitions import build, defs
from simcore import engine, steps
from simcore.campaign import check_document
from simcore.documents import KINDS
from simcore.tables import TABLES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    return build(tmp_path_factory.mktemp("home"))


def test_the_definitions_load(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)


def test_the_definitions_of_the_environment_are_those_of_its_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(homes.VARIABLE, str(tmp_path / "elsewhere"))
    loaded = defs()
    resource = loaded.resources["home"]
    assert resource.path == str(tmp_path / "elsewhere")


def test_every_table_is_an_asset_and_every_asset_a_table(definitions: dg.Definitions) -> None:
    keys = definitions.resolve_asset_graph().get_all_asset_keys()
    assert {key.to_user_string() for key in keys} == set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_an_asset_has_group_owner_kind_code_version_and_description(
    definitions: dg.Definitions, name: str
) -> None:
    node = definitions.resolve_asset_graph().get(dg.AssetKey(name))
    assert node.group_name != "default"
    assert node.owners
    assert "parquet" in node.kinds
    assert len(node.kinds) > 1
    table = TABLES[name]
    expected = f"{engine.version()}/{table.schema_version}/{steps.BY_TABLE[table.name].code[:12]}"
    assert node.code_version == expected
    assert node.description == TABLES[name].meaning
    columns = node.metadata["dagster/column_schema"].columns
    assert [column.name for column in columns] == [each.name for each in TABLES[name].columns]


@pytest.mark.parametrize("name", TABLES)
def test_an_asset_is_partitioned_as_its_table_is(definitions: dg.Definitions, name: str) -> None:
    partitions = definitions.resolve_asset_graph().get(dg.AssetKey(name)).partitions_def
    if isinstance(partitions, dg.MultiPartitionsDefinition):
        names = tuple(each.name for each in partitions.partitions_defs)
    else:
        assert isinstance(partitions, dg.DynamicPartitionsDefinition)
        names = (str(partitions.name),)
    assert names == TABLES[name].partitioned_by


@pytest.mark.parametrize("name", TABLES)
def test_an_asset_has_every_check_and_each_stops_what_is_downstream(
    definitions: dg.Definitions, name: str
) -> None:
    graph = definitions.resolve_asset_graph()
    keys = graph.get_check_keys_for_assets({dg.AssetKey(name)})
    assert {key.name for key in keys} == set(sentences(TABLES[name]))
    assert all(graph.get_check_spec(key).blocking for key in keys)


def test_no_asset_waits_for_one_that_does_not_exist(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    assert graph.external_asset_keys == set()


def test_the_root_configuration_is_that_of_the_default_home() -> None:
    written = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    made = homes.dagster_config(Path("workspace/dagster"))
    relative = yaml.safe_load(yaml.safe_dump(made).replace("workspace/", "./workspace/"))
    assert written == relative


def test_a_new_home_says_what_it_made_and_making_it_again_changes_nothing(tmp_path: Path) -> None:
    made = homes.init(tmp_path)
    assert len(made) == len(KINDS) + 1
    made[0].write_text("mine")
    assert homes.init(tmp_path) == []
    assert made[0].read_text() == "mine"


@pytest.mark.parametrize("kind", ["strategies", "tournaments", "campaigns"])
def test_the_example_of_a_new_home_is_right_once_renamed(tmp_path: Path, kind: str) -> None:
    homes.init(tmp_path)
    example = next((tmp_path / kind).glob("*.toml.example"))
    document = example.rename(example.with_suffix(""))
    errors = [
        each for each in check_document(str(document), home=tmp_path) if each.severity == "error"
    ]
    assert errors == []


def test_the_example_scenario_wants_nothing_but_its_file(tmp_path: Path) -> None:
    homes.init(tmp_path)
    example = next((tmp_path / "scenarios").glob("*.toml.example"))
    document = example.rename(example.with_suffix(""))
    assert [each.reason for each in check_document(str(document), home=tmp_path)] == [
        "FILE_MISSING"
    ]
    rows = ["Date,Open,High,Low,Close,Volume"]
    rows += [f"2024-01-{day:02d},10,11,9,10.5,100" for day in range(1, 29)]
    (document.parent / "my-prices.csv").write_text("\n".join(rows))
    assert check_document(str(document), home=tmp_path) == []
