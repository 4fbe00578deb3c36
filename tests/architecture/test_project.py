"""What the project's own files promise: locks, versions, targets."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

LOCKS = sorted(path.name for path in ROOT.glob("requirements*.lock"))
ADDRESS = re.compile(r"[a-z+]+://|(?m:^\s*--(?:index-url|extra-index-url|find-links|trusted-host))| @ ")


def addresses(lock: str) -> list[str]:
    """The lines of a lock that name a place to fetch from."""
    return [line for line in lock.splitlines() if ADDRESS.search(line)]


def loose_requirements(lock: str) -> list[str]:
    """The requirements of a lock without an exact version and a hash."""
    blocks = re.findall(r"(?m)^[a-zA-Z0-9].*(?:\n[ \t]+.*)*", lock)
    return [block.split()[0] for block in blocks if "==" not in block or "--hash=sha256:" not in block]


def undocumented_targets(makefile: str) -> list[str]:
    """The targets a person may name that `make help` would not list."""
    phony = re.findall(r"(?m)^\.PHONY: (.+)$", makefile)
    targets = {target for line in phony for target in line.split()}
    return sorted(target for target in targets if not re.search(rf"(?m)^{target}:.*## \w", makefile))


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_everything_and_names_no_address(lock: str) -> None:
    """Anyone can install from their own index, and gets the very same bytes."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert addresses(text) == []
    assert loose_requirements(text) == []


def test_there_is_a_lock_for_every_environment() -> None:
    """Whoever needs a part installs from a lock of its own."""
    assert LOCKS == [
        "requirements-bench.lock",
        "requirements-compile.lock",
        "requirements-demo.lock",
        "requirements-dev.lock",
        "requirements-evaluation.lock",
        "requirements-helm.lock",
        "requirements-image.lock",
        "requirements-kafka.lock",
        "requirements-objects.lock",
        "requirements-sbom.lock",
        "requirements-spark-executor.lock",
        "requirements-spark.lock",
        "requirements-stubs.lock",
        "requirements-tracing.lock",
        "requirements.lock",
    ]


def test_a_lock_with_an_address_or_without_a_hash_is_found() -> None:
    """Every way in which a lock can name a place, and a requirement without its hash."""
    assert len(addresses("--index-url https://a\nb @ file:///b\n    --find-links wheels\nc==1")) == 3
    assert loose_requirements("a==1 \\\n    --hash=sha256:0\nb==2\nc>=3 \\\n    --hash=sha256:1\n") == [
        "b==2",
        "c>=3",
    ]


def test_no_other_lock_writes_down_where_packages_came_from() -> None:
    """Locks of other tools record addresses; none is kept."""
    forbidden = {"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "package-lock.json", "go.sum"}
    assert {path.name for path in ROOT.iterdir()} & forbidden == set()


def test_make_help_lists_every_target() -> None:
    """A target a person may name says what it does."""
    assert undocumented_targets((ROOT / "Makefile").read_text(encoding="utf-8")) == []


def test_an_undocumented_target_is_found() -> None:
    """`make help` shows the text after two number signs; without it the target is missing there."""
    assert undocumented_targets(".PHONY: a b\na: ## Does it\nb: a\n\techo b\n") == ["b"]


def test_one_version_everywhere() -> None:
    """The service, its client and the newest entry of the changelog carry one version."""
    service, client = _project("pyproject.toml"), _project("client/pyproject.toml")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"(?m)^## (\d+\.\d+\.\d+)", changelog)
    assert newest is not None
    assert {service["version"], client["version"], newest[1]} == {service["version"]}


def test_stubs_are_of_the_pinned_generator() -> None:
    """The committed stubs come from the pinned generator, and the client asks for no older grpcio."""
    stub = (ROOT / "client/pinnersage/v1/recommender_pb2_grpc.py").read_text(encoding="utf-8")
    generated = re.search(r"GRPC_GENERATED_VERSION = '([\d.]+)'", stub)
    assert generated is not None
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert f"grpcio-tools=={generated[1]}" in pyproject["dependency-groups"]["stubs"]
    assert f"grpcio>={generated[1].removesuffix('.0')}" in _project("client/pyproject.toml")["dependencies"]


def test_the_client_depends_on_grpc_and_protobuf_only() -> None:
    """Whoever installs the client gets neither numpy nor faiss."""
    names = {
        re.split(r"[<>=!~\[ ]", requirement)[0]
        for requirement in _project("client/pyproject.toml")["dependencies"]
    }
    assert names == {"grpcio", "protobuf"}


def _project(path: str) -> dict[str, list[str]]:
    project: dict[str, list[str]] = tomllib.loads(Path(ROOT / path).read_text(encoding="utf-8"))["project"]
    return project
