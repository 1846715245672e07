"""The files of `deploy/` mean something to the programs that will read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import kubernetes_validate
import pytest
import yaml
from dagster._core.instance.ref import InstanceRef
from dagster_celery.launcher import CeleryRunLauncher
from dagster_k8s import K8sRunLauncher
from dagster_k8s.job import construct_dagster_k8s_job
from kubernetes.client import ApiClient
from sqlalchemy.pool import QueuePool

from pipelines import doctor
from pipelines import home as homes
from pipelines.connections import KeptPostgresStorage
from tests.scale import servers

DEPLOY = servers.ROOT / "deploy"
KUBERNETES_VERSION = "1.36"


def manifests() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            yield f"{path.name} {document['kind']}", document


MANIFESTS = dict(manifests())
KUSTOMIZATION = MANIFESTS.pop("kustomization.yaml Kustomization")
CONFIG = MANIFESTS["instance.yaml ConfigMap"]["data"]
ENVIRONMENT = MANIFESTS["environment.yaml ConfigMap"]["data"]
DEPLOYMENTS = [each for each in MANIFESTS.values() if each["kind"] == "Deployment"]


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_one_of_its_kind_with_no_field_too_many(name: str) -> None:
    valid = kubernetes_validate.validate(MANIFESTS[name], KUBERNETES_VERSION, strict=True)
    assert valid == KUBERNETES_VERSION


def test_every_manifest_is_listed_once() -> None:
    files = sorted({name.split()[0] for name in MANIFESTS})
    assert sorted(KUSTOMIZATION["resources"]) == files
    images = {pod(each)["containers"][0]["image"] for each in DEPLOYMENTS}
    assert images == {ENVIRONMENT["PROVING_IMAGE"]}
    (image,) = KUSTOMIZATION["images"]
    assert images == {f"{image['name']}:{image['newTag']}"}


def pod(deployment: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return found


def test_what_a_pod_refers_to_is_there_or_is_a_secret() -> None:
    have = {(each["kind"], each["metadata"]["name"]) for each in MANIFESTS.values()}
    for deployment in DEPLOYMENTS:
        spec = pod(deployment)
        (container,) = spec["containers"]
        assert ("ServiceAccount", spec["serviceAccountName"]) in have
        volumes = {each["name"]: each for each in spec["volumes"]}
        assert {each["name"] for each in container["volumeMounts"]} == set(volumes)
        assert ("PersistentVolumeClaim", claim(volumes["home"])) in have
        assert ("ConfigMap", volumes["instance"]["configMap"]["name"]) in have
        named = {each["configMapRef"]["name"] for each in container["envFrom"][:1]}
        assert {("ConfigMap", name) for name in named} <= have
        secrets = {each["secretRef"]["name"] for each in container["envFrom"][1:]}
        assert secrets == {"proving-postgres", "proving-bucket"}
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert deployment["spec"]["selector"]["matchLabels"] == labels
    for each in (each for each in MANIFESTS.values() if each["kind"] == "Service"):
        selector = each["spec"]["selector"]
        (chosen,) = [d for d in DEPLOYMENTS if d["metadata"]["labels"] == selector]
        ports = [port["containerPort"] for port in pod(chosen)["containers"][0]["ports"]]
        assert [port["targetPort"] for port in each["spec"]["ports"]] == ports


def claim(volume: dict[str, Any]) -> str:
    return str(volume["persistentVolumeClaim"]["claimName"])


def test_no_manifest_holds_a_secret() -> None:
    assert [name for name in MANIFESTS if name.endswith("Secret")] == []
    for path in sorted(DEPLOY.rglob("*.yaml")):
        text = path.read_text()
        for word in ("AWS_SECRET_ACCESS_KEY:", "password:", "AWS_ACCESS_KEY_ID:"):
            assert word not in text, path
        assert text.startswith("# "), path


def instance_from(text: str, folder: Path) -> InstanceRef:
    (folder / "dagster.yaml").write_text(text)
    return InstanceRef.from_dir(str(folder))


@pytest.fixture
def launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> K8sRunLauncher:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("kubernetes.config.load_incluster_config", lambda: None)
    found = instance_from(CONFIG["dagster.yaml"], tmp_path).run_launcher
    assert isinstance(found, K8sRunLauncher)
    return found


def test_a_run_on_kubernetes_is_a_job_that_its_schema_takes(launcher: K8sRunLauncher) -> None:
    run = dg.DagsterRun(job_name="run_backtests")
    context = launcher.get_container_context_for_run(run)
    config = context.get_k8s_job_config(ENVIRONMENT["PROVING_IMAGE"], launcher)
    job = construct_dagster_k8s_job(
        config, ["dagster", "api", "execute_run"], "run-1", context.run_k8s_config
    )
    rendered = ApiClient().sanitize_for_serialization(job)
    assert kubernetes_validate.validate(rendered, KUBERNETES_VERSION, strict=True)
    spec = rendered["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["image"] == ENVIRONMENT["PROVING_IMAGE"]
    assert container["resources"]["limits"]["cpu"] == ENVIRONMENT["RAYON_NUM_THREADS"]
    assert spec["serviceAccountName"] == "proving-ground"
    # Whoever writes to the shared home is one user, in pods of runs and in all others.
    assert [spec["securityContext"]] * 3 == [pod(each)["securityContext"] for each in DEPLOYMENTS]
    sources = {next(iter(each.values()))["name"] for each in container["envFrom"]}
    assert sources == {"proving-environment", "proving-postgres", "proving-bucket"}
    mounts = {each["mountPath"] for each in container["volumeMounts"]}
    assert mounts == {ENVIRONMENT["PROVING_HOME"], f"{ENVIRONMENT['DAGSTER_HOME']}/dagster.yaml"}
    assert context.namespace == ENVIRONMENT["PROVING_NAMESPACE"] == KUSTOMIZATION["namespace"]


def test_the_page_says_of_a_run_what_the_manifests_say() -> None:
    page = (servers.ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    _, section = page.split("## Kubernetes")
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:2] == "| "]
    said = {cells[0].replace("`", ""): cells[1] for cells in rows if len(cells) == 3}
    instance = yaml.safe_load(CONFIG["dagster.yaml"])
    run = instance["run_launcher"]["config"]
    least, most = run["resources"]["requests"], run["resources"]["limits"]
    limits, queue = instance["concurrency"], instance["run_queue"]
    assert least["cpu"] == most["cpu"] == "1"
    memory = f"{least['memory'].removesuffix('Gi')} to {most['memory'].removesuffix('Gi')} GiB"
    assert said["resources of a run"] == f"{least['cpu']} core, {memory}"
    at_once = limits["runs"]["max_concurrent_runs"]
    assert said["max_concurrent_runs, pool engine"] == str(at_once)
    assert limits["pools"]["default_limit"] == at_once
    assert said["Postgres' max_connections, at least"] == str(2 * at_once + 100)
    for name, value in {
        "dequeue_num_workers": queue["dequeue_num_workers"],
        "start_timeout_seconds": instance["run_monitoring"]["start_timeout_seconds"],
        "max_resume_run_attempts": instance["run_monitoring"]["max_resume_run_attempts"],
        "max_retries": instance["run_retries"]["max_retries"],
        "ttlSecondsAfterFinished": run["run_k8s_config"]["job_spec_config"][
            "ttlSecondsAfterFinished"
        ],
    }.items():
        assert said[name] == str(value), name


def test_the_launcher_may_do_what_it_does_and_no_more() -> None:
    (role,) = [each for each in MANIFESTS.values() if each["kind"] == "Role"]
    allowed = {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert {"create", "delete", "get"} <= allowed["batch", "jobs"]
    assert {"get", "list"} <= allowed["", "pods"]
    assert ("", "secrets") not in allowed


def test_the_workspace_names_the_service_of_the_code() -> None:
    (loaded,) = yaml.safe_load(CONFIG["workspace.yaml"])["load_from"]
    server = loaded["grpc_server"]
    service = MANIFESTS["code.yaml Service"]
    assert server["host"] == service["metadata"]["name"]
    assert server["port"] == service["spec"]["ports"][0]["port"]


@pytest.mark.parametrize("name", ["dagster-postgres.yaml", "dagster-celery.yaml"])
def test_an_instance_on_real_engines_loads_and_keeps_what_it_is_told(
    name: str, tmp_path: Path, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / "dagster").mkdir(parents=True)
    (home / "dagster" / "dagster.yaml").write_text((DEPLOY / name).read_text())
    monkeypatch.setenv("PROVING_BROKER", "redis://127.0.0.1:1/0")  # nobody asks it here
    with servers.postgres(logs) as url:
        monkeypatch.setenv("PROVING_POSTGRES", url)
        with homes.instance(home) as instance:
            assert isinstance(instance.run_launcher, CeleryRunLauncher) == ("celery" in name)
            assert isinstance(instance.run_storage._engine.pool, QueuePool)
            instance.add_dynamic_partitions("strategy", ["ma_cross"])
            instance.report_runless_asset_event(dg.AssetMaterialization("bars"))
        with homes.instance(home) as again:
            assert again.get_dynamic_partitions("strategy") == ["ma_cross"]
            assert again.get_latest_materialization_event(dg.AssetKey("bars")) is not None
            # A run whose lock is not on this disk may live on another machine, if there are others.
            again.add_run(dg.DagsterRun(job_name="any", status=dg.DagsterRunStatus.STARTED))
            found = doctor.run(home, instance=again, now_seconds=4e9)
            assert len(found.findings) == (0 if "celery" in name else 1)


@pytest.mark.parametrize(
    "text",
    [
        (DEPLOY / "dagster-postgres.yaml").read_text(),
        (DEPLOY / "dagster-celery.yaml").read_text(),
        CONFIG["dagster.yaml"],
    ],
    ids=["postgres", "celery", "kubernetes"],
)
def test_an_instance_elsewhere_is_run_as_the_home_is(text: str, tmp_path: Path) -> None:
    own, other = homes.dagster_config(tmp_path), yaml.safe_load(text)
    same = {"telemetry", "nux"}
    assert {name: other[name] for name in same} == {name: own[name] for name in same}
    assert set(own) - set(other) <= {"local_artifact_storage", "compute_logs"}
    pools, runs = other["concurrency"]["pools"], other["concurrency"]["runs"]
    assert pools["granularity"] == "run"
    assert pools["default_limit"] <= runs["max_concurrent_runs"]
    assert other["storage"]["custom"]["class"] == KeptPostgresStorage.__name__
    assert other["storage"]["custom"]["module"] == KeptPostgresStorage.__module__
    assert other["run_retries"]["retry_on_asset_or_op_failure"] is False
