"""The chart, rendered by the real Helm."""

import json
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.end_to_end.processes import ROOT, tool
from tests.waiting import HANG_S

CHART = ROOT / "helm" / "pinnersage"
CASES = sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").iterdir())

Manifest = dict[str, Any]
Values = dict[str, Any]


class Rendered:
    """What Helm makes of some values."""

    def __init__(self, manifests: list[Manifest]) -> None:
        self.manifests = manifests

    def one(self, kind: str, name: str = "") -> Manifest:
        """The only manifest of a kind, or the one whose name ends so."""
        found = [
            each
            for each in self.manifests
            if each["kind"] == kind and each["metadata"]["name"].endswith(name)
        ]
        (manifest,) = found
        return manifest

    def kinds(self) -> set[str]:
        return {each["kind"] for each in self.manifests}

    def pods(self) -> Iterator[tuple[str, Manifest]]:
        """Of each workload its name and its pods' spec."""
        for each in self.manifests:
            spec = each.get("spec", {})
            template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
            if template is not None:
                yield f"{each['kind']} {each['metadata']['name']}", template["spec"]

    def containers(self) -> Iterator[tuple[str, Manifest]]:
        """Of each container, init containers too, where it is and what it is."""
        for where, pod in self.pods():
            for each in [*pod.get("initContainers", []), *pod["containers"]]:
                yield f"{where}, {each['name']}", each

    def container(self, kind: str, name: str, container: str) -> Manifest:
        """One container by its name."""
        (found,) = (
            each for where, each in self.containers() if where == f"{kind} shop-pinnersage{name}, {container}"
        )
        return found


def case_file(case: str) -> Path:
    return CHART / "ci" / f"{case}-values.yaml"


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Helm; the test skips, and says so, where there is none."""
    return subprocess.run(
        [str(tool("helm")), *map(str, arguments)], capture_output=True, text=True, check=False, timeout=HANG_S
    )


def template(case: str, more: Values | None = None) -> subprocess.CompletedProcess[str]:
    """`helm template` of a case, with more values as JSON."""
    given = [f"--set-json={key}={json.dumps(value)}" for key, value in (more or {}).items()]
    return helm("template", "shop", CHART, "--namespace", "feed", "--values", case_file(case), *given)


@cache
def _rendered(case: str, more: str) -> Rendered:
    ran = template(case, json.loads(more))
    assert ran.returncode == 0, ran.stderr
    return Rendered([each for each in yaml.safe_load_all(ran.stdout) if each])


def render(case: str = "minimal", more: Values | None = None) -> Rendered:
    """What becomes of a case's values, and of more, by the dotted names of `helm --set`."""
    return _rendered(case, json.dumps(more or {}))


def refusal(more: Values, case: str = "minimal") -> str:
    """Why Helm installs nothing of these values."""
    ran = template(case, more)
    assert ran.returncode != 0, "nothing was refused"
    return ran.stderr
