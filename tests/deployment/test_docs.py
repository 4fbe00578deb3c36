"""What docs/deployment.md and docs/operations.md have an operator apply fits what the chart makes."""

import re

import pytest
import yaml

from tests.architecture.sources import ROOT
from tests.deployment.chart import CHART, Manifest, Rendered, helm

pytestmark = pytest.mark.tool


def block(document: str, beginning: str) -> Manifest:
    """The block of YAML in a document that begins with some words."""
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    (found,) = re.findall(rf"(?s)```yaml\n({re.escape(beginning)}.*?)```", text)
    manifest: Manifest = yaml.safe_load(found)
    return manifest


BY_HAND = block("operations.md", "# by-hand.yaml")


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """What becomes of the values that the document has an operator write."""
    values = tmp_path_factory.mktemp("values") / "my-values.yaml"
    values.write_text(yaml.safe_dump(block("deployment.md", "image:")))
    ran = helm("template", "shop", CHART, "--namespace", "feed", "--values", values)
    assert ran.returncode == 0, ran.stderr
    return Rendered([each for each in yaml.safe_load_all(ran.stdout) if each])


def test_the_shortest_way_in_installs() -> None:
    """The command of the README renders, as it stands."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (arguments,) = re.findall(r"(?m)^helm upgrade --install (.*)$", readme)
    ran = helm("template", *arguments.replace("helm/pinnersage", str(CHART)).split())
    assert ran.returncode == 0, ran.stderr


def test_the_certificate_is_of_the_name_that_callers_use(documented: Rendered) -> None:
    """The one asked of cert-manager goes where the chart reads it, for the Service's own name."""
    certificate = block("deployment.md", "apiVersion: cert-manager.io/v1")
    namespace = certificate["metadata"]["namespace"]
    service = documented.one("Service", "shop-pinnersage")["metadata"]["name"]
    assert f"{service}.{namespace}.svc" in certificate["spec"]["dnsNames"]
    secrets = {
        each["secret"]["secretName"] for each in pod(documented, "Deployment")["volumes"] if "secret" in each
    }
    assert certificate["spec"]["secretName"] in secrets


def test_the_pod_by_hand_is_like_a_job_of_the_chart(documented: Rendered) -> None:
    """The same claims at the same places, the same secret, image and account, under the batch's policy."""
    by_hand, batch = BY_HAND["spec"], pod(documented, "CronJob", "-batch")
    assert claims(by_hand) == claims(batch)
    ours, theirs = by_hand["containers"][0], batch["containers"][0]
    assert {each["mountPath"] for each in ours["volumeMounts"]} == {
        each["mountPath"] for each in theirs["volumeMounts"]
    }
    assert ours["env"][0] in theirs["env"]
    assert ours["image"] == theirs["image"]
    assert by_hand["serviceAccountName"] == batch["serviceAccountName"]
    selected = documented.one("NetworkPolicy", "jobs")["spec"]["podSelector"]
    labels = BY_HAND["metadata"]["labels"]
    assert selected["matchLabels"].items() <= labels.items()
    assert labels["app.kubernetes.io/component"] in selected["matchExpressions"][0]["values"]


def pod(rendered: Rendered, kind: str, name: str = "") -> Manifest:
    (found,) = (spec for where, spec in rendered.pods() if where == f"{kind} shop-pinnersage{name}")
    return found


def claims(spec: Manifest) -> dict[str, str]:
    """The claims that a pod mounts, by the names of its volumes."""
    return {
        each["name"]: each["persistentVolumeClaim"]["claimName"]
        for each in spec["volumes"]
        if "persistentVolumeClaim" in each
    }
