"""From two files to recommendations, through the real programs, the real client and the real grpcurl."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pinnersage.client import AnswerReason, Client, NotFoundError, Timeout
from tests.end_to_end.conftest import Job
from tests.end_to_end.processes import ROOT, following, run, serving, start, tool
from tests.end_to_end.world import N_USERS, topics_of
from tests.waiting import HANG_S, wait_until

PATIENT = Timeout(call_s=HANG_S)
PATIENTLY = f"{HANG_S:.0f}s"  # as ghz writes it
METHODS = (
    *("Recommend", "RecommendForPins", "RecommendBatch", "SimilarPins"),
    *("GetProfile", "GetPins", "RecordAction"),
)


@pytest.fixture(scope="module")
def address(job: Job) -> Iterator[str]:
    """A server process over the job's artefacts."""
    with serving("--pins", job.pins, "--profiles", job.profiles) as (address, _):
        yield address


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address, timeout=PATIENT) as client:
        yield client


def topic(pin_id: str) -> str:
    return pin_id.partition("-")[0]


def test_everybody_gets_pins_of_the_topics_they_like(client: Client) -> None:
    """Each user's candidates come from their two topics only, near the medoid they are explained by."""
    for user in range(N_USERS):
        answer = client.recommend(f"user-{user}", max_candidates=40, max_interests=2, seed=user)

        assert len(answer.candidates) == 40
        assert {topic(each.pin_id) for each in answer.candidates} <= set(topics_of(user))
        assert all(topic(each.pin_id) == topic(each.medoid_pin_id or "") for each in answer.candidates)


def test_a_saved_near_duplicate_never_comes_back_as_its_twin(client: Client) -> None:
    """Someone who saved cat-0 sees neither it nor the copy refined out of the index; ids are opaque."""
    answer = client.recommend("shop-85123A", max_candidates=1_000)
    ids = {each.pin_id for each in answer.candidates}

    assert {"cat-0", "cat-0-again", "blurred", "car-3"}.isdisjoint(ids)
    assert [each.medoid_pin_id for each in answer.interests] == ["cat-0"]
    (twin,) = client.pins(["cat-0-again"]).pins
    assert (twin.representative_pin_id, twin.indexed) == ("cat-0", False)


def test_the_commands_tell_what_they_did(job: Job) -> None:
    """The summaries name what was read, refined, indexed, calibrated and clustered."""
    assert "182" in job.said["build"]
    assert "alpha" in job.said["calibrate"]
    assert "61" in job.said["batch"]


def grpcurl(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [tool("grpcurl"), "-plaintext", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_S,
    )


@pytest.mark.tool
def test_grpcurl_lists_and_describes(address: str) -> None:
    """With reflection grpcurl finds the service, its methods and their documentation-ready types."""
    assert "pinnersage.v1.Recommender" in grpcurl(address, "list").stdout.split()
    described = grpcurl(address, "describe", "pinnersage.v1.Recommender").stdout
    for method in METHODS:
        assert f"rpc {method} (" in described


@pytest.mark.tool
def test_grpcurl_calls(address: str) -> None:
    """A call by hand answers JSON that a person can read."""
    ran = grpcurl(
        "-d",
        '{"user_id": "user-0", "max_candidates": 4, "seed": 1}',
        address,
        "pinnersage.v1.Recommender/Recommend",
    )
    answer = json.loads(ran.stdout)

    assert len(answer["candidates"]) == 4
    assert answer["interests"][0]["origin"] == "INTEREST_ORIGIN_BATCH"


@pytest.mark.tool
def test_grpcurl_shows_error_details(address: str) -> None:
    """A mistake is told with its field, through google.rpc.BadRequest."""
    ran = grpcurl(
        "-d", '{"user_id": "user-0", "max_candidates": 0}', address, "pinnersage.v1.Recommender/Recommend"
    )

    assert "Code: InvalidArgument" in ran.stderr
    assert "max_candidates: is 0; allowed are 1 to 1,000" in ran.stderr
    assert '"field": "max_candidates"' in ran.stderr


@pytest.mark.tool
def test_grpcurl_needs_only_the_protos(address: str) -> None:
    """Without reflection the committed protos are enough to call."""
    ran = grpcurl(
        "-import-path", str(ROOT / "protos"), "-proto", "pinnersage/v1/recommender.proto",
        "-d", '{"user_id": "user-1"}', address, "pinnersage.v1.Recommender/GetProfile",
    )  # fmt: skip

    assert json.loads(ran.stdout)["userId"] == "user-1"


@pytest.mark.tool
def test_ghz_needs_nothing_but_the_address(address: str) -> None:
    """A load test finds the method through reflection, and every call is answered."""
    call = ("--call", "pinnersage.v1.Recommender/Recommend", "--data", '{"user_id": "user-2"}')
    ran = subprocess.run(
        [
            tool("ghz"),
            "--insecure",
            *call,
            "--total",
            "200",
            "--concurrency",
            "4",
            "--timeout",
            PATIENTLY,
            "--format",
            "json",
            address,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_S,
    )

    assert json.loads(ran.stdout)["statusCodeDistribution"] == {"OK": 200}, ran.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_server_ends_in_order(job: Job, number: signal.Signals) -> None:
    """Asked to stop by either signal, the server ends with status 0."""
    with serving("--pins", job.pins, "--profiles", job.profiles, "--drain-s", "0") as (_, process):
        process.send_signal(number)
        assert process.wait(timeout=HANG_S) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_server_that_is_starting(job: Job, number: signal.Signals, tmp_path: Path) -> None:
    """Whoever stops a server while it opens a large artefact neither waits for that nor sees a traceback."""
    # A start that never ends: the file that names the live version is a pipe nobody writes into.
    os.mkfifo(tmp_path / "CURRENT")
    process = start("--pins", tmp_path, "--profiles", job.profiles)
    with (tmp_path / "CURRENT").open("w"):
        process.send_signal(number)
        _, said = process.communicate(timeout=HANG_S)

    assert (process.returncode, said) == (128 + number, "")


def test_with_level_debug_every_call_is_a_line(job: Job) -> None:
    """Everything on stderr is JSON, and the request id of an answer finds its call there."""
    with serving("--pins", job.pins, "--profiles", job.profiles, "--log-level", "debug") as (
        address,
        process,
    ):
        with Client(address, timeout=PATIENT) as client:
            request_id = client.recommend("user-1").request_id
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        entries = [json.loads(line) for line in process.stderr]

    (call,) = (entry for entry in entries if entry.get("request_id") == request_id)
    assert (call["event"], call["method"], call["level"]) == ("call answered", "Recommend", "debug")


def interests_of(client: Client, user: str) -> set[str]:
    """The topics of the interests' pins; none of an unknown user."""
    try:
        return {each.medoid_pin_id.partition("-")[0] for each in client.profile(user).interests}
    except NotFoundError:
        return set()


def test_what_a_user_does_comes_back_until_they_ask_to_be_forgotten(job: Job, tmp_path: Path) -> None:
    """Two cats and a car are saved: an interest each. A car is hidden: no car. And then nobody was there."""
    data, profiles = (shutil.copytree(each, tmp_path / each.name) for each in (job.data, job.profiles))
    with (data / "dataset.toml").open("a") as weights:
        weights.write("hide = -1.0\n")
    events = tmp_path / "events.jsonl"
    ours = ("--pins", job.pins, "--profiles", profiles, "--events", events)
    with (
        serving(*ours, "--drain-s", "0") as (address, _),
        following(*ours, "--data", data),
        Client(address, timeout=PATIENT) as client,
    ):
        for pin in ("cat-1", "cat-2", "car-3"):
            client.record("newcomer", pin, "save")
        wait_until(lambda: interests_of(client, "newcomer") == {"cat", "car"})
        candidates = client.recommend("newcomer", max_candidates=4).candidates
        assert {each.pin_id.partition("-")[0] for each in candidates} == {"cat", "car"}

        client.record("newcomer", "car-4", "hide")
        wait_until(lambda: interests_of(client, "newcomer") == {"cat"})

        forgotten = run("profile_builder", "forget", "newcomer", "--profiles", profiles, "--events", events)
        assert forgotten.returncode == 0, forgotten.stderr
        wait_until(lambda: client.recommend("newcomer").reason is AnswerReason.UNKNOWN_USER)
        assert client.recommend("user-0").candidates
