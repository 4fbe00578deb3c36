"""The servers that the chart makes: what they are asked, how long one waits for them, what they are given."""

import json
from pathlib import Path

import pytest

from pinnersage.client._channel import service_config
from pinnersage.client._config import DEFAULT_RETRIES
from server.request_log import RotationPolicy
from server.serving import LIVE
from server.settings import ServerSettings
from tests.deployment.chart import render

pytestmark = pytest.mark.tool


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
