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
from pinnersage.client._channel import service_config
from pinnersage.client._config import DEFAULT_RETRIES
from profile_builder.settings import BatchSettings, CalibrateSettings
from profile_builder.settings_online import OnlineSettings
from server.request_log import RotationPolicy
from server.serving import LIVE
from server.settings import ServerSettings
from tests.deployment.chart import CASES, CHART, Manifest, case_file, helm, render
from tests.deployment.queries import groups

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


def test_kubernetes_asks_the_server_itself() -> None:
    """Native gRPC probes; whether it lives is another question; with TLS health has a port of its own."""
    server = render().container("Deployment", "", "server")
    assert server["readinessProbe"]["grpc"] == server["startupProbe"]["grpc"] == {"port": 50051}
    assert server["livenessProbe"]["grpc"] == {"port": 50051, "service": LIVE}
    with_tls = render("tls").container("Deployment", "", "server")
    assert with_tls["readinessProbe"]["grpc"] == {"port": 50052}
    assert with_tls["livenessProbe"]["grpc"] == {"port": 50052, "service": LIVE}
    assert "--health-port=50052" in with_tls["args"]


@pytest.mark.parametrize(
    ("size_mi", "start_s", "failures"),
    [(1_400, 0, 74), (28_000, 0, 340), (1_400, 61, 13), (28_000, 3_600, 720)],
)
def test_a_pod_has_time_to_read_the_artefact(size_mi: int, start_s: int, failures: int) -> None:
    """As long as the artefact is large, or as long as one says, before a probe ends it; the consumer, too."""
    sized = render("full", {"artefact.sizeMi": size_mi, "server.startSeconds": start_s})
    for name, container in (("", "server"), ("-online", "online")):
        probe = sized.container("Deployment", name, container)["startupProbe"]
        assert (probe["periodSeconds"], probe["failureThreshold"]) == (5, failures)


def test_a_pod_has_time_to_drain() -> None:
    """Kubernetes waits longer than the server takes to let go of everybody."""
    pod = render().one("Deployment", "pinnersage")["spec"]["template"]["spec"]
    defaults = ServerSettings(pins=Path(), profiles="")
    assert pod["terminationGracePeriodSeconds"] >= defaults.draining_s + defaults.grace_s
    (server,) = pod["containers"]
    assert f"--connection-age-s={defaults.connection_age_s:g}" in server["args"]
    assert f"--grace-s={defaults.grace_s:g}" in server["args"]


def test_callers_go_round_the_pods() -> None:
    """The Service has no address of its own, and our client goes round all that it finds."""
    service = render().one("Service", "pinnersage")
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is False
    assert {port["name"] for port in service["spec"]["ports"]} == {"grpc", "metrics"}
    config = json.loads(service_config(DEFAULT_RETRIES))
    assert config["loadBalancingConfig"] == [{"round_robin": {}}]


def test_one_worker_a_pod() -> None:
    """Pods are what is scaled: by the processor of the server's container, spread, two at least."""
    rendered = render()
    assert "--workers=1" in rendered.container("Deployment", "", "server")["args"]
    scaler = rendered.one("HorizontalPodAutoscaler")["spec"]
    assert scaler["minReplicas"] == 2
    assert scaler["metrics"][0]["containerResource"]["container"] == "server"
    deployment = rendered.one("Deployment", "pinnersage")["spec"]
    # The scaler's to say.
    assert "replicas" not in deployment
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    spread = deployment["template"]["spec"]["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in spread] == [
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    ]
    assert rendered.one("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    assert render("external-redis").one("Deployment", "pinnersage")["spec"]["replicas"] == 3


def test_memory_holds_two_versions() -> None:
    """While one index replaces another both are in the page cache, and there is room for the rest."""
    resources = render(more={"artefact.sizeMi": 5000, "server.cacheMb": 1000}).container(
        "Deployment", "", "server"
    )["resources"]
    assert resources["limits"] == {"memory": f"{2 * 5000 + 1000 + 512}Mi"}
    assert resources["requests"]["memory"] == f"{5000 + 1000 + 512}Mi"


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


@pytest.mark.parametrize("claim", ["", "answers"])
def test_a_request_log_fits_its_volume(claim: str) -> None:
    """On a claim or on the pod's disk; the server keeps below what makes Kubernetes evict the pod."""
    rendered = render("full", {"server.requestLog.existingClaim": claim})
    server = rendered.container("Deployment", "", "server")
    assert {"name": "request-log", "mountPath": "/request-log"} in server["volumeMounts"]
    assert "--request-log=/request-log" in server["args"]
    (limit,) = (each for each in server["args"] if each.startswith("--request-log-mb="))
    assert int(limit.partition("=")[2]) * 10**6 + RotationPolicy().n_bytes < 2_000 * 2**20
    pod = rendered.one("Deployment", "pinnersage")["spec"]["template"]["spec"]
    (volume,) = (each for each in pod["volumes"] if each["name"] == "request-log")
    assert volume == {"name": "request-log"} | (
        {"persistentVolumeClaim": {"claimName": claim}} if claim else {"emptyDir": {"sizeLimit": "2000Mi"}}
    )
    assert not any("request-log" in each for each in render().container("Deployment", "", "server")["args"])


def test_tls_and_keys_come_from_secrets() -> None:
    """Certificates, authorities and keys are mounted as files of the secrets named."""
    rendered = render("full")
    server = rendered.container("Deployment", "", "server")
    mounted = {mount["name"]: mount["mountPath"] for mount in server["volumeMounts"]}
    pod = rendered.one("Deployment", "pinnersage")["spec"]["template"]["spec"]
    secrets = {each["name"]: each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each}
    assert secrets == {"tls": "certificate", "client-ca": "callers", "api-keys": "keys"}
    for flag, volume, file in (
        ("tls-cert", "tls", "tls.crt"),
        ("tls-key", "tls", "tls.key"),
        ("tls-client-ca", "client-ca", "ca.crt"),
        ("api-keys", "api-keys", "keys"),
    ):
        assert f"--{flag}={mounted[volume]}/{file}" in server["args"]
    assert "--allow-insecure" not in server["args"]
    assert "--allow-insecure" in render().container("Deployment", "", "server")["args"]


def test_reflection_is_off_unless_asked_for() -> None:
    """Whoever reaches the port is not told what there is to call."""
    assert "--no-reflection" in render().container("Deployment", "", "server")["args"]
    asked = render(more={"server.reflection": True})
    assert "--reflection" in asked.container("Deployment", "", "server")["args"]


def test_the_operator_is_told_what_to_watch() -> None:
    """One monitor for server and consumer, the rules, and the dashboard where Grafana's sidecar looks."""
    rendered = render("full")
    monitor = rendered.one("ServiceMonitor")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    watched = monitor["spec"]["selector"]["matchLabels"]
    scraped = [
        each["metadata"]["name"]
        for each in rendered.manifests
        if each["kind"] == "Service" and watched.items() <= each["metadata"]["labels"].items()
        if "metrics" in {port["name"] for port in each["spec"]["ports"]}
    ]
    assert sorted(scraped) == ["shop-pinnersage", "shop-pinnersage-online"]
    given = rendered.one("PrometheusRule")["spec"]["groups"]
    assert [each["name"] for each in given] == [each["name"] for each in groups()]
    dashboard = rendered.one("ConfigMap", "dashboard")
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(dashboard["data"]["pinnersage.json"])["uid"] == "pinnersage"
    assert render().kinds().isdisjoint({"ServiceMonitor", "PrometheusRule"})


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
