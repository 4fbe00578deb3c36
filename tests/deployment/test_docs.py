"""What docs/deployment.md and docs/operations.md have an operator apply fits what the chart makes."""

import re

import pytest
import yaml

from tests.architecture.sources import ROOT
from tests.deployment.chart import CASES, CHART, Manifest, Rendered, helm, render

pytestmark = pytest.mark.tool


def block(document: str, beginning: str) -> Manifest:
    """The block of YAML in a document that begins with some words."""
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    (found,) = re.findall(rf"(?s)```yaml\n({re.escape(beginning)}.*?)```", text)
    manifest: Manifest = yaml.safe_load(found)
    return manifest


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


def test_the_pod_by_hand_is_started_as_documented(documented: Rendered) -> None:
    """The commands start a job that there is, of the same name all along, and no flag is needed any more."""
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    names = {each["metadata"]["name"] for each in documented.manifests if each["kind"] == "CronJob"}
    (started,) = set(re.findall(r"--from=cronjob/(shop-\S+) (?:by-hand)", operations))
    assert started in names
    assert set(re.findall(r"exec (?:-i )?(job/\S+) --", operations)) == {"job/by-hand"}


@pytest.mark.parametrize("case", CASES)
def test_the_pod_by_hand_has_what_the_programs_have(case: str) -> None:
    """Claims and fetched artefacts as the batch, store and stream with their secrets, a policy of its own."""
    rendered = render(case)
    by_hand, batch = pod(rendered, "CronJob", "-by-hand"), pod(rendered, "CronJob", "-batch")
    assert claims(by_hand) == claims(batch)
    fetches = [each["name"] for each in by_hand.get("initContainers", [])]
    assert fetches == (["fetch-artefact"] if case == "full" else [])
    (ours,), (theirs,) = by_hand["containers"], batch["containers"]
    assert {each["name"]: each["mountPath"] for each in ours["volumeMounts"]}.items() >= {
        each["name"]: each["mountPath"] for each in theirs["volumeMounts"] if each["name"] in claims(batch)
    }.items()
    told = {each["name"]: each for each in ours["env"]}
    assert [told[each["name"]] for each in theirs.get("env", []) if "PASSWORD" in each["name"]] == [
        each for each in theirs.get("env", []) if "PASSWORD" in each["name"]
    ]
    assert told["PINNERSAGE_PINS"]["value"] == "/artefact"
    assert f"--profiles={told['PINNERSAGE_PROFILES']['value']}" in theirs["args"]
    if "Deployment shop-pinnersage-online" in dict(rendered.pods()):
        consumer = rendered.container("Deployment", "-online", "online")
        assert f"--events={told['PINNERSAGE_EVENTS']['value']}" in consumer["args"]
        assert all(each in ours["env"] for each in consumer["env"])


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
