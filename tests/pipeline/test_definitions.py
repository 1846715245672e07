from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from assets import quarantine
from assets.checks import sentences
from assets.events import POOL
from pipelines import home as homes
from pipelines.definitions import build, defs
from pipelines.jobs import JOBS
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
    assert ("rust" in node.kinds) == (node.assets_def.op.pool == POOL), "it calls the engine"
    table = TABLES[name]
    expected = f"{engine.version()}/{table.schema_version}/{steps.BY_TABLE[table.name].code[:12]}"
    assert node.code_version == expected
    first, _, more = str(node.description).partition("\n\n")
    assert first == table.meaning
    assert more.startswith(f"Key of a row: {', '.join(f'`{each}`' for each in table.key)}. ")
    columns = node.metadata["dagster/column_schema"].columns
    assert [column.name for column in columns] == [each.name for each in TABLES[name].columns]
    assert node.tags["proving/stage"] == node.group_name
    assert node.tags["proving/partitioned_by"] == "-".join(table.partitioned_by)


@pytest.mark.parametrize("name", TABLES)
def test_column_lineage_names_columns_that_there_are(
    definitions: dg.Definitions, name: str
) -> None:
    graph = definitions.resolve_asset_graph()
    node = graph.get(dg.AssetKey(name))
    lineage = node.metadata["dagster/column_lineage"].deps_by_column
    named = {
        column
        for columns, other, _ in TABLES[name].references
        for column in columns
        if dg.AssetKey(other) in node.parent_keys
    }
    assert set(lineage) == named
    for deps in lineage.values():
        for dep in deps:
            assert dep.asset_key in node.parent_keys
            assert TABLES[dep.asset_key.to_user_string()].column(dep.column_name)


def test_loading_in_a_process_of_its_own_warns_of_nothing(tmp_path: Path) -> None:
    program = (
        "import warnings\n"
        "with warnings.catch_warnings(record=True) as told:\n"
        "    warnings.simplefilter('always')\n"
        "    import dagster as dg\n"
        "    from pathlib import Path\n"
        "    from pipelines.definitions import build\n"
        f"    made = build(Path({str(tmp_path)!r}))\n"
        "    dg.Definitions.validate_loadable(made)\n"
        "import sys\n"
        "assert 'matplotlib' not in sys.modules, 'what draws is loaded by whoever draws'\n"
        # What Dagster asks of pydantic in its own modules is not ours to mend.
        "own = [w for w in told if 'dagster' not in Path(w.filename).parts]\n"
        "own += [w for w in told if issubclass(w.category, (dg.BetaWarning, dg.PreviewWarning))]\n"
        "print([str(w.message) for w in own if 'dagster_shared' not in w.filename])\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip().splitlines()[-1] == "[]"
    assert done.stderr.strip() == ""


def test_all_that_starts_by_itself_is_named_described_and_running(
    definitions: dg.Definitions,
) -> None:
    repository = definitions.get_repository_def()
    for sensor in repository.sensor_defs:
        assert sensor.description
        assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    (nightly,) = repository.schedule_defs
    assert nightly.description
    assert nightly.default_status == dg.DefaultScheduleStatus.RUNNING
    for job in repository.get_all_jobs():
        assert job.description or job.name.startswith("__")


def test_what_asks_the_engine_waits_in_its_pool_and_nothing_waits_in_another(
    definitions: dg.Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()
    pools = {key.to_user_string(): graph.get(key).pools for key in graph.get_all_asset_keys()}
    engines = {name for name, own in pools.items() if own == {"engine"}}
    for each in (*steps.MARKETS, *steps.BACKTESTS, *steps.CHAOS, *steps.TOURNAMENTS):
        assert each.name in engines
    assert all(own in ({"engine"}, set()) for own in pools.values())


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
    keys = graph.get_check_keys_for_assets({dg.AssetKey(name)}) - set(quarantine.KEYS)
    assert {key.name for key in keys} == set(sentences(TABLES[name]))
    assert all(graph.get_check_spec(key).blocking for key in keys)


def test_the_checks_of_documents_can_be_asked_alone_and_stop_nothing(
    definitions: dg.Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()
    assert {key.asset_key.to_user_string() for key in quarantine.KEYS} == {
        "strategies", "scenarios", "generations",
    }  # fmt: skip
    for key in quarantine.KEYS:
        spec = graph.get_check_spec(key)
        assert not spec.blocking
        assert spec.description
        assert spec.partitions_def is None, "a document that is wrong may have no partition"
    repository = definitions.get_repository_def()
    for job in JOBS:
        asked = repository.get_job(job.name).asset_layer.asset_graph.asset_check_keys
        assert not set(quarantine.KEYS) & set(asked), "the sensors tell of them"


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
