"""The chart renders to what Kubernetes takes, and every object is what the documents promise."""

import dataclasses
import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
from referencing import Registry, Resource

from index_builder.settings import BuildSettings
from profile_builder.settings import BatchSettings, CalibrateSettings
from profile_builder.settings_online import OnlineSettings
from profile_builder.times import NOW
from server.settings import ServerSettings
from tests.deployment.chart import CASES, CHART, Manifest, case_file, helm, render

VERSIONS = ("1.31", "1.34", "1.37")
SCHEMAS = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
COMMANDS = ("index_builder", "profile_builder")
SETTINGS: dict[str, type[Any]] = {
    "server": ServerSettings,
    "index_builder build": BuildSettings,
    "profile_builder batch": BatchSettings,
    "profile_builder calibrate": CalibrateSettings,
    "profile_builder online": OnlineSettings,
}
OF_OPERATOR = "monitoring.coreos.com/v1"

pytestmark = pytest.mark.tool


@pytest.mark.parametrize("case", CASES)
def test_helm_lint_finds_nothing(case: str) -> None:
    """`helm lint --strict` is content with every set of values."""
    linted = helm("lint", "--strict", CHART, "--values", case_file(case))
    assert linted.returncode == 0, linted.stdout


@cache
def validator(version: str, kind: str, api: str) -> jsonschema.Draft202012Validator:
    """Kubernetes' own schema of a kind, that knows no other fields."""
    folder = SCHEMAS / f"v{version}.0-local-strict"
    group, _, of = api.rpartition("/")
    file = "-".join(filter(None, [kind.lower(), group.partition(".")[0], of]))
    own = json.loads((folder / f"{file}.json").read_text())
    return jsonschema.Draft202012Validator(own, registry=definitions(folder))


@cache
def definitions(folder: Path) -> Registry[Any]:
    """What the schemas of one version refer to; read once, for it is large."""
    return Resource.from_contents(json.loads((folder / "_definitions.json").read_text())) @ Registry()


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_knows_every_field(version: str) -> None:
    """Every object of every case is valid by the strict schemas of three versions of Kubernetes."""
    objects = {
        json.dumps(each, sort_keys=True): each
        for case in CASES
        for each in render(case).manifests
        if each["apiVersion"] != OF_OPERATOR
    }
    for each in objects.values():
        wrong = list(validator(version, each["kind"], each["apiVersion"]).iter_errors(each))
        assert [error.message for error in wrong] == [], each["metadata"]["name"]


def test_a_field_that_kubernetes_does_not_know_is_found() -> None:
    """The schemas refuse a slip, so that the test above can fail."""
    service = {"apiVersion": "v1", "kind": "Service", "spec": {"clusterIp": "None"}}
    assert not validator(VERSIONS[0], "Service", "v1").is_valid(service)


@pytest.mark.parametrize("case", CASES)
def test_every_container_is_hardened(case: str) -> None:
    """No root, capability, writable root or token of the API; the runtime's seccomp, a limit of memory."""
    rendered = render(case)
    for where, pod in rendered.pods():
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True, where
        assert security["runAsUser"] > 0, where
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, where
        assert pod["automountServiceAccountToken"] is False, where
        assert pod["serviceAccountName"] == "shop-pinnersage", where
    for where, each in rendered.containers():
        assert each["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, where
        assert "memory" in each["resources"]["limits"], where
        assert {"cpu", "memory"} <= set(each["resources"]["requests"]), where


@pytest.mark.parametrize("case", CASES)
def test_no_secret_is_in_the_chart(case: str) -> None:
    """Passwords, keys and certificates come by reference: no Secret is rendered, no value is one."""
    rendered = render(case)
    assert "Secret" not in rendered.kinds()
    for where, each in rendered.containers():
        for variable in each.get("env", []):
            if "PASSWORD" in variable["name"] or "SALT" in variable["name"]:
                assert set(variable) == {"name", "valueFrom"}, where


@pytest.mark.parametrize("case", CASES)
def test_what_is_selected_exists(case: str) -> None:
    """Services, policies and budgets select pods that there are; pods mount volumes that there are."""
    rendered = render(case)
    labels = [
        template["metadata"]["labels"]
        for each in rendered.manifests
        if (template := _template(each)) is not None
    ]
    for each in rendered.manifests:
        for selector in _selectors(each):
            assert any(selector.items() <= own.items() for own in labels), each["metadata"]["name"]
    claimed = {"data"}  # Of a StatefulSet's own claims.
    for where, pod in rendered.pods():
        there = {volume["name"] for volume in pod["volumes"]} | (claimed if "StatefulSet" in where else set())
        used = {
            mount["name"]
            for container in [*pod.get("initContainers", []), *pod["containers"]]
            for mount in container["volumeMounts"]
        }
        assert used == there, where


def _template(manifest: Manifest) -> Manifest | None:
    spec = manifest.get("spec", {})
    found: Manifest | None = spec.get("jobTemplate", {}).get("spec", spec).get("template")
    return found


def _selectors(manifest: Manifest) -> list[dict[str, str]]:
    spec = manifest.get("spec", {})
    match manifest["kind"]:
        case "Service":
            return [spec["selector"]]
        case "NetworkPolicy":
            return [spec["podSelector"]["matchLabels"]]
        case "PodDisruptionBudget" | "Deployment" | "StatefulSet":
            return [spec["selector"]["matchLabels"]]
    return []


@pytest.mark.parametrize("case", CASES)
def test_programs_know_every_flag(case: str) -> None:
    """What the chart tells a program is a flag of it."""
    told = [
        (each["args"][: 1 + (each["args"][0] in COMMANDS)], each["args"])
        for _, each in render(case).containers()
        if "args" in each
    ]
    assert told
    for program, arguments in told:
        fields = {field.name for field in dataclasses.fields(SETTINGS[" ".join(program)])}
        for argument in arguments[len(program) :]:
            flag = argument.partition("=")[0].removeprefix("--").removeprefix("no-")
            assert flag.replace("-", "_") in fields, argument


@pytest.mark.parametrize("job", ["index-build", "batch"])
def test_nightly_jobs_come_one_at_a_time(job: str) -> None:
    """Forbid, with deadlines, and a history that is bounded; nothing is started again for ever."""
    cron = render().one("CronJob", job)["spec"]
    assert cron["concurrencyPolicy"] == "Forbid"
    assert cron["startingDeadlineSeconds"] > 0
    assert cron["successfulJobsHistoryLimit"] == cron["failedJobsHistoryLimit"] == 3
    assert cron["suspend"] is False
    work = cron["jobTemplate"]["spec"]
    assert work["activeDeadlineSeconds"] > 0
    assert work["backoffLimit"] == 1
    assert work["template"]["spec"]["restartPolicy"] == "Never"


@pytest.mark.parametrize("job", ["calibrate", "by-hand"])
def test_what_people_start_never_starts_by_itself(job: str) -> None:
    """The job that chooses alpha, and the one that waits for commands."""
    assert render().one("CronJob", job)["spec"]["suspend"] is True


@pytest.mark.parametrize("case", CASES)
def test_beside_a_consumer_the_batch_looks_back_from_the_clock(case: str) -> None:
    """No action dated ahead moves W; alone, a batch of older data looks back from its newest action."""
    rendered = render(case)
    consumes = "Deployment shop-pinnersage-online" in dict(rendered.pods())
    assert (f"--now={NOW}" in rendered.container("CronJob", "-batch", "batch")["args"]) is consumes


def test_spark_is_an_option_of_the_batch() -> None:
    """The engine is a flag, from an image that has Spark; all else is the same job."""
    batch = render("spark").container("CronJob", "-batch", "batch")
    assert "--engine=spark" in batch["args"]
    assert batch["image"] == "registry.example/pinnersage:0.1.0-spark"
    assert {"name": "SPARK_LOCAL_DIRS", "value": "/scratch"} in batch["env"]
    assert {"name": "scratch", "mountPath": "/scratch"} in batch["volumeMounts"]
    assert render("spark").container("CronJob", "-index-build", "index-build")["image"] == "pinnersage:0.1.0"
    assert "--engine=local" in render().container("CronJob", "-batch", "batch")["args"]


def test_profiles_are_in_a_valkey_unless_said_otherwise() -> None:
    """The chart's own store by default; with a URL none is started and everybody uses that."""
    ours, theirs = render(), render("external-redis")
    assert ours.one("StatefulSet", "valkey")["spec"]["replicas"] == 1
    assert "StatefulSet" not in theirs.kinds()
    url = "--profiles=rediss://redis.example:6380/2?prefix=shop"
    for kind, name, container in (
        ("Deployment", "", "server"),
        ("Deployment", "-online", "online"),
        ("CronJob", "-batch", "batch"),
    ):
        found = theirs.container(kind, name, container)
        assert url in found["args"]
        assert any(each["name"] == "PINNERSAGE_PROFILES_PASSWORD" for each in found["env"])
    assert (
        "--profiles=redis://shop-pinnersage-valkey:6379/0"
        in ours.container("Deployment", "", "server")["args"]
    )


def test_artefacts_on_a_volume_or_fetched() -> None:
    """Servers read one volume that the build writes; or each pod fetches, and goes on following."""
    shared = render()
    claim = {"persistentVolumeClaim": {"claimName": "shop-pinnersage-artefact"}}
    for where, pod in shared.pods():
        if "valkey" not in where:
            (volume,) = (each for each in pod["volumes"] if each["name"] == "artefact")
            assert volume == {"name": "artefact", **claim}, where
    assert shared.one("PersistentVolumeClaim")["metadata"]["annotations"] == {
        "helm.sh/resource-policy": "keep"
    }
    for where, each in shared.containers():
        for mount in each["volumeMounts"]:
            if mount["name"] == "artefact":
                writes = "index-build" in where or "by-hand" in where
                assert mount.get("readOnly", False) is not writes, where

    fetched = render("full")
    assert "PersistentVolumeClaim" not in fetched.kinds()
    pod = fetched.one("Deployment", "pinnersage")["spec"]["template"]["spec"]
    assert [each["name"] for each in pod["initContainers"]] == ["fetch-artefact"]
    assert [each["name"] for each in pod["containers"]] == ["server", "follow-artefact"]
    build = fetched.one("CronJob", "index-build")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    steps = [each["name"] for each in build["initContainers"] + build["containers"]]
    assert steps == ["fetch-data", "fetch-artefact", "index-build", "push-artefact"]


@pytest.mark.parametrize("case", CASES)
def test_names_fit(case: str) -> None:
    """However long the release is called, a CronJob's name leaves room for what Kubernetes puts behind it."""
    named = render(case, {"fullnameOverride": "x" * 60})
    for each in named.manifests:
        assert len(each["metadata"]["name"]) <= 52, each["kind"]


def test_a_consumer_keeps_newest_actions_fresh() -> None:
    """It follows the stream with its secret, is never two on one partition, and is watched for life."""
    assert "Deployment shop-pinnersage-online, online" not in dict(render().containers())
    deployment = render("full").one("Deployment", "online")["spec"]
    assert deployment["strategy"] == {"type": "Recreate"}
    assert deployment["replicas"] == 3
    consumer = render("full").container("Deployment", "-online", "online")
    assert "--events=kafka://kafka-0:9092,kafka-1:9093/actions" in consumer["args"]
    (password,) = (each for each in consumer["env"] if each["name"] == "PINNERSAGE_EVENTS_PASSWORD")
    assert password["valueFrom"]["secretKeyRef"] == {"name": "kafka", "key": "password"}
    assert consumer["livenessProbe"]["httpGet"] == {"path": "/metrics", "port": "metrics"}
    # What it archives is what the batch reads.
    kept = render("external-redis")
    assert "--archive=/data/actions" in kept.container("Deployment", "-online", "online")["args"]
    assert "--actions=/data/actions" in kept.container("CronJob", "-batch", "batch")["args"]


@pytest.mark.parametrize("case", ["external-redis", "full"])
def test_a_consumer_weighs_actions_as_the_batch_does(case: str) -> None:
    """It reads the same dataset.toml: on the claim, or fetched alone before it begins."""
    rendered = render(case)
    consumer = rendered.container("Deployment", "-online", "online")
    assert "--data=/data" in consumer["args"]
    assert "/data" in {mount["mountPath"] for mount in consumer["volumeMounts"]}
    pod = rendered.one("Deployment", "online")["spec"]["template"]["spec"]
    steps = [each["name"] for each in pod.get("initContainers", [])]
    assert steps == (["fetch-weights", "fetch-artefact"] if case == "full" else [])
