"""What others speak to the server with: grpcurl, ghz as it is configured here, clients in Go and Java."""

import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Job
from tests.end_to_end.processes import ROOT, serving, tool
from tests.waiting import HANG_S

pytestmark = pytest.mark.tool
SERVICE = "pinnersage.v1.Recommender"
LOADS = sorted((ROOT / "benchmarks" / "ghz").glob("*.json"))
EXAMPLES = ROOT / "build" / "examples"


@pytest.fixture(scope="module")
def address(job: Job, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server process over the job's artefacts, with a variant and an event stream."""
    folder = tmp_path_factory.mktemp("variants")
    variants, events = folder / "variants.toml", folder / "events.jsonl"
    variants.write_text("[variants.narrow]\nmax_interests = 1\n")
    parts = ("--pins", job.pins, "--profiles", job.profiles, "--variants", variants, "--events", events)
    with serving(*parts) as (address, _):
        yield address


def run(*command: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANG_S)


def grpcurl(address: str, method: str, request: object, *flags: str) -> "subprocess.CompletedProcess[str]":
    return run(tool("grpcurl"), "-plaintext", *flags, "-d", json.dumps(request), address, method)


def shown_commands() -> list[str]:
    """Every grpcurl command of the docs that name the server's default address."""
    return [
        line
        for page in ("docs/serving.md", "examples/README.md")
        for line in (ROOT / page).read_text().splitlines()
        if line.startswith("grpcurl ")
    ]


@pytest.mark.parametrize("command", shown_commands())
def test_grpcurl_does_what_the_docs_show(command: str, address: str) -> None:
    """Word for word, but for address and user. What is refused on purpose is refused with its details."""
    ours = (
        command.replace("127.0.0.1:50051", address)
        .replace("customer-7", "user-0")
        .replace('"ada"', '"user-0"')
    )
    ran = run(tool("grpcurl"), *shlex.split(ours)[1:])

    if '"max_candidates": 0' in command:
        assert "Code: InvalidArgument" in ran.stdout + ran.stderr
        assert "google.rpc.BadRequest" in ran.stdout + ran.stderr
    else:
        assert (ran.returncode, ran.stderr) == (0, "")
        assert ran.stdout


def test_grpcurl_describes_messages(address: str) -> None:
    """A person at a terminal learns what to send, with the comments of the protos' fields in their names."""
    described = run(
        tool("grpcurl"), "-plaintext", address, "describe", "pinnersage.v1.RecommendRequest"
    ).stdout

    for field in ("string user_id = 1", "optional string variant = 9", ".pinnersage.v1.Filter filter = 8"):
        assert field in described


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("RecommendForPins", {"pins": [{"pin_id": "cat-0"}], "max_candidates": 3}, "candidates"),
        ("RecommendBatch", {"user_ids": ["user-0", "user-1"], "max_candidates": 3}, "results"),
        ("SimilarPins", {"pin_id": "cat-0", "max_candidates": 3}, "candidates"),
        ("GetProfile", {"user_id": "user-0"}, "interests"),
        ("GetPins", {"pin_ids": ["cat-0"]}, "pins"),
        ("RecordAction", {"user_id": "user-0", "pin_id": "cat-0", "action": "save"}, "action_time"),
    ],
)
def test_grpcurl_calls_every_method(address: str, method: str, request_: object, field: str) -> None:
    """Each answers JSON that holds what was asked for."""
    ran = grpcurl(address, f"{SERVICE}/{method}", request_)

    assert json.loads(ran.stdout)[field], ran.stderr


def test_grpcurl_asks_for_health(address: str) -> None:
    """The standard health check, of the server and of the service."""
    for service in ("", SERVICE):
        ran = grpcurl(address, "grpc.health.v1.Health/Check", {"service": service})
        assert json.loads(ran.stdout) == {"status": "SERVING"}, ran.stderr


def test_grpcurl_names_a_call_and_a_variant(address: str) -> None:
    """The caller's name for the call is in the answer, and so is the variant asked for."""
    named = ("-H", "x-request-id: by-hand-1")
    ran = grpcurl(address, f"{SERVICE}/Recommend", {"user_id": "user-0", "variant": "narrow"}, *named)
    answer = json.loads(ran.stdout)

    assert (answer["request_id"], answer["variant"], len(answer["interests"])) == ("by-hand-1", "narrow", 1)


def test_grpcurl_shows_every_mistake_at_once(address: str) -> None:
    """google.rpc.BadRequest with a violation a field, and the call's name among the trailers."""
    wrong = {"user_id": "", "max_candidates": 0, "min_score": 2, "variant": "wide"}
    ran = grpcurl(address, f"{SERVICE}/Recommend", wrong, "-v", "-H", "x-request-id: by-hand-2")
    said = ran.stdout + ran.stderr

    assert "Code: InvalidArgument" in said
    for field in ("user_id", "max_candidates", "min_score", "variant"):
        assert f'"field": "{field}"' in said
    assert "known are narrow" in said
    assert "x-request-id: by-hand-2" in said


@pytest.mark.parametrize("load", LOADS, ids=lambda path: path.stem)
def test_the_committed_loads_run(load: Path, address: str, tmp_path: Path) -> None:
    """Each configuration of ghz, but for the address, the users and how long: all calls are answered."""
    settings = json.loads(load.read_text())
    users = ["user-1", "user-2", "user-3"]
    told = {"user_ids": users} if "user_ids" in settings["data"] else {"user_id": users[0]}
    few = {"host": address, "total": 40, "timeout": f"{HANG_S:.0f}s", "data": settings["data"] | told}
    path = tmp_path / load.name
    path.write_text(json.dumps(settings | few))
    ran = run(tool("ghz"), "--config", path, "--format", "json")

    assert json.loads(ran.stdout)["statusCodeDistribution"] == {"OK": 40}, ran.stderr


def go() -> Sequence[str | Path]:
    built = EXAMPLES / "recommend-go"
    if not built.exists():
        pytest.skip("the Go example is not built: `make examples` does it where Go is installed")
    return (built,)


def java() -> Sequence[str | Path]:
    classes, found = EXAMPLES / "java" / "classes", shutil.which("java")
    if found is None or not (EXAMPLES / ".java").exists():
        pytest.skip(
            "the Java example is not built: `make examples` does it where Java and Maven are installed"
        )
    return (found, "-cp", f"{classes}:{EXAMPLES / 'java' / 'lib' / '*'}", "example.Recommend")


@pytest.mark.parametrize(("client", "name"), [(go, "example-go"), (java, "example-java")], ids=["go", "java"])
class TestOtherLanguages:
    """Clients built from the published protos alone."""

    def test_recommendations_arrive(self, client: object, name: str, address: str) -> None:
        """With the medoids they are explained by, and the caller's name for the call."""
        assert callable(client)
        ran = run(*client(), address, "user-0", "5")
        assert ran.returncode == 0, ran.stderr
        first, *others = ran.stdout.splitlines()

        assert first.startswith("5 candidates, artefact 000001-")
        assert first.endswith(f"request {name}")
        assert any(line.startswith("because you saved ") for line in others)
        assert sum(line.startswith("  ") for line in others) == 5

    def test_mistakes_are_told_by_field(self, client: object, name: str, address: str) -> None:
        """The error's details are those of google.rpc.BadRequest in any language."""
        assert callable(client)
        ran = run(*client(), address, "user-0", "0")

        assert ran.returncode == 1
        assert "  max_candidates: is 0; allowed are 1 to 1,000 (leave it out for the default)" in ran.stderr
