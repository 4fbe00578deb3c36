"""What an operator sees of a server of several processes: one scrape, quiet logs, a log of answers."""

import json
import signal
import urllib.request
from contextlib import suppress
from pathlib import Path

import grpc
import psutil
import pyarrow.parquet as pq
from prometheus_client.parser import text_string_to_metric_families

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from process.user_hashes import user_hash
from tests.end_to_end.conftest import Job
from tests.end_to_end.processes import serving
from tests.ports import free_port
from tests.waiting import HANG_S, wait_until


class Scrape:
    """One look at the metrics port."""

    def __init__(self, port: int) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=HANG_S) as page:
            families = text_string_to_metric_families(page.read().decode())
        self._samples = [sample for family in families for sample in family.samples]

    def values(self, name: str) -> dict[str, float]:
        """The samples of a name, by worker; under an empty one where they are of all."""
        return {each.labels.get("worker", ""): each.value for each in self._samples if each.name == name}

    def total(self, name: str, **labels: str) -> float:
        """The sum of the samples that have these labels."""
        return sum(
            each.value
            for each in self._samples
            if each.name == name and labels.items() <= each.labels.items()
        )


def ask(address: str, user: str, request_id: str) -> pb.RecommendResponse:
    """Over a connection of its own, so that it may go to any worker."""
    options = (("grpc.use_local_subchannel_pool", 1),)
    with grpc.insecure_channel(address, options=options) as channel:
        request = pb.RecommendRequest(user_id=user)
        return RecommenderStub(channel).Recommend(
            request, metadata=(("x-request-id", request_id),), timeout=HANG_S, wait_for_ready=True
        )


def workers_of(supervisor: int) -> list[psutil.Process]:
    """The processes that were spawned to answer calls; multiprocessing has one more of its own."""
    found = []
    for child in psutil.Process(supervisor).children():
        # One that was just killed has no command line.
        with suppress(psutil.Error):
            if any("spawn_main" in part for part in child.cmdline()):
                found.append(child)
    return found


def test_one_scrape_shows_all_workers(job: Job) -> None:
    """Calls of both add up, and stay counted when one is killed; each says what it serves and costs."""
    metrics_port = free_port()
    parts = ("--pins", job.pins, "--profiles", job.profiles, "--workers", "2", "--drain-s", "0")
    observing = ("--metrics-port", str(metrics_port), "--recall-share", "1", "--observed-share", "1")
    with serving(*parts, *observing) as (address, process):

        def total(name: str, **labels: str) -> float:
            return Scrape(metrics_port).total(name, **labels)

        wait_until(lambda: total("pinnersage_workers") == 2)
        for n in range(20):
            ask(address, f"user-{n}", f"page-{n}")
        wait_until(lambda: total("grpc_server_handled_total", grpc_code="OK") == 20)
        wait_until(lambda: total("pinnersage_recall_measurements_total") == 20)
        wait_until(lambda: total("pinnersage_observed_candidates_before_total") > 0)
        # Gauges are written down every second.
        wait_until(lambda: total("pinnersage_recall") == 1)
        seen = Scrape(metrics_port)
        calls = seen.values("pinnersage_worker_calls_total")
        assert set(calls) == {"0", "1"}
        assert sum(calls.values()) == 20
        assert seen.values("process_resident_memory_bytes").keys() == {"0", "1", "supervisor"}
        assert seen.values("pinnersage_worker_private_bytes").keys() == {"0", "1", "supervisor"}
        assert seen.total("pinnersage_artefact_info") == seen.total("pinnersage_workers") == 2

        before = workers_of(process.pid)
        before[0].kill()
        wait_until(lambda: len({*workers_of(process.pid)} - {*before}) == 1)
        ask(address, "user-1", "page-20")
        wait_until(lambda: total("grpc_server_handled_total", grpc_code="OK") == 21)


def test_logs_name_calls_and_no_users(job: Job, tmp_path: Path) -> None:
    """By request id a call leads from its answer to its line and to the log of answers; users are hashes."""
    log = tmp_path / "request-log"
    parts = ("--pins", job.pins, "--profiles", job.profiles, "--drain-s", "0", "--log-level", "debug")
    logging = ("--request-log", log, "--request-log-share", "1", "--log-salt", "pepper")
    with serving(*parts, *logging) as (address, process):
        sent = {f"page-{n}": ask(address, f"user-{n}", f"page-{n}") for n in range(5)}
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        said = process.stderr.read()

    lines = [json.loads(line) for line in said.splitlines()]
    users = {line["request_id"]: line["user"] for line in lines if line["event"] == "call answered"}
    assert users == {f"page-{n}": user_hash("pepper")(f"user-{n}") for n in range(5)}
    assert "user-" not in said
    rows = {row["request_id"]: row for row in pq.read_table(log).to_pylist()}
    assert {request_id: row["user"] for request_id, row in rows.items()} == users
    for request_id, answer in sent.items():
        shown = [each["pin_id"] for each in rows[request_id]["candidates"]]
        assert shown == [each.pin_id for each in answer.candidates]
