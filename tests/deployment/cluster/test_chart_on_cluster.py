"""The chart on a real API server: all objects are admitted; a release comes, changes, goes back and goes."""

from http import HTTPStatus
from typing import Any

import pytest

from tests.deployment.chart import CASES, CHART, Manifest, case_file, render
from tests.deployment.cluster.api import Api

pytestmark = pytest.mark.tool

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@pytest.fixture(scope="module")
def namespace(api: Api) -> str:
    """One that admits no pod that is not hardened; with what pods refer to."""
    name = "feed"
    for made in (
        thing("v1", "Namespace", name, labels=RESTRICTED),
        thing("v1", "ServiceAccount", "shop-pinnersage", namespace=name),
        thing("scheduling.k8s.io/v1", "PriorityClass", "high") | {"value": 1},
    ):
        assert api.create(made) == ""
    return name


def thing(version: str, kind: str, name: str, **metadata: Any) -> Manifest:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name} | metadata}


@pytest.mark.parametrize("case", CASES)
def test_every_object_is_admitted(case: str, api: Api, namespace: str) -> None:
    """By a dry run of the server itself, that knows every field: kinds of the Prometheus operator, too."""
    wrong = {}
    for each in render(case).manifests:
        metadata = each["metadata"] | {"namespace": namespace}
        if each["kind"] == "ServiceAccount":
            metadata["name"] += "-another"
        if said := api.create(each | {"metadata": metadata}, dry=True):
            wrong[f"{each['kind']} {metadata['name']}"] = said
    assert wrong == {}


@pytest.mark.parametrize("case", CASES)
def test_every_pod_is_admitted_where_pods_are_restricted(case: str, api: Api, namespace: str) -> None:
    """The strictest of Kubernetes' pod security standards has nothing against any pod of ours."""
    for where, spec in render(case).pods():
        pod = thing("v1", "Pod", "a-pod", namespace=namespace) | {"spec": spec}
        # Its claim is the set's to make.
        if where.startswith("StatefulSet"):
            pod["spec"] = spec | {"volumes": [*spec["volumes"], {"name": "data", "emptyDir": {}}]}
        assert api.create(pod, dry=True) == "", where


def test_what_is_wrong_is_not_admitted(api: Api, namespace: str) -> None:
    """A field that there is not, and a pod as root: so that the tests above can fail."""
    service = thing("v1", "Service", "a-service", namespace=namespace)
    said = api.create(service | {"spec": {"clusterIp": "None", "ports": [{"port": 1}]}}, dry=True)
    assert 'unknown field "spec.clusterIp"' in said
    pod = thing("v1", "Pod", "a-pod", namespace=namespace)
    bare = {"serviceAccountName": "shop-pinnersage", "containers": [{"name": "a", "image": "b"}]}
    said = api.create(pod | {"spec": bare}, dry=True)
    assert 'violates PodSecurity "restricted' in said


def test_a_release_comes_changes_goes_back_and_goes(api: Api) -> None:
    """Install, upgrade to other values, roll back, uninstall; the artefact's claim outlives the release."""
    named = ("shop", "--namespace=store")
    more = (
        "--set=server.cacheMb=512,image.tag=0.2.0,artefact.sizeMi=2800,batch.enabled=false",
        "--set=tls.secretName=t",
    )
    for words in (
        ("install", *named, CHART, "--create-namespace", "--values", case_file("minimal")),
        ("upgrade", *named, CHART, "--values", case_file("minimal"), *more),
    ):
        ran = api.helm(*words)
        assert ran.returncode == 0, ran.stderr
    assert "--cache-mb=512" in serving(api)
    assert (
        api.ask("GET", "/apis/batch/v1/namespaces/store/cronjobs/shop-pinnersage-batch")[0]
        == HTTPStatus.NOT_FOUND
    )
    assert api.helm("rollback", *named).returncode == 0
    assert "--cache-mb=256" in serving(api)
    assert api.helm("uninstall", *named).returncode == 0
    _, left = api.ask("GET", "/api/v1/namespaces/store/persistentvolumeclaims")
    assert [each["metadata"]["name"] for each in left["items"]] == ["shop-pinnersage-artefact"]
    _, left = api.ask("GET", "/apis/apps/v1/namespaces/store/deployments")
    assert left["items"] == []
    # The same name may come again, and takes up the claim.
    assert api.helm("install", *named, CHART, "--values", case_file("minimal")).returncode == 0


def serving(api: Api) -> list[str]:
    """What the server of the release is told."""
    _, found = api.ask("GET", "/apis/apps/v1/namespaces/store/deployments/shop-pinnersage")
    arguments: list[str] = found["spec"]["template"]["spec"]["containers"][0]["args"]
    return arguments
