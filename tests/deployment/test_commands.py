"""What the chart tells each program to do, done here one after the other: the night, then a call."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pinnersage.client import Client, UnauthenticatedError
from server.api_keys import add_key
from tests.architecture.sources import ROOT
from tests.deployment.chart import Rendered, render
from tests.deployment.scripts import caller, valkey, wait_for_valkey
from tests.end_to_end.world import write_world
from tests.ports import free_port
from tests.server.certificates import Authority
from tests.waiting import HANG_S, JOB_S, wait_until

PASSWORD = "a word"  # noqa: S105 - of the test's own store

pytestmark = pytest.mark.tool


@dataclass(frozen=True)
class Cluster:
    """This machine, in the place of one."""

    chart: Rendered
    folder: Path
    store: int
    grpc: int = field(default_factory=free_port)
    health: int = field(default_factory=free_port)

    def arguments(self, kind: str, name: str, container: str) -> list[str]:
        """What a container is told, with our paths, ports and addresses in place of the cluster's."""
        told = " ".join(self.chart.container(kind, name, container)["args"])
        for theirs, ours in {
            # First: our own folder may be below it.
            "=/tmp/": f"={self.folder}/",
            "=/etc/pinnersage": f"={self.folder}",
            "=/artefact": f"={self.folder}/artefact",
            "=/data": f"={self.folder}/data",
            "shop-pinnersage-valkey:6379": f"127.0.0.1:{self.store}",
            "=0.0.0.0": "=127.0.0.1",
            "=50051": f"={self.grpc}",
            "=50052": f"={self.health}",
            "=9464": f"={free_port()}",
        }.items():
            told = told.replace(theirs, ours)
        return told.split(" ")

    def start(self, arguments: Sequence[str]) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=os.environ | {"PINNERSAGE_PROFILES_PASSWORD": PASSWORD},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, name: str, container: str) -> None:
        """Run a nightly job to its end."""
        job = self.start(self.arguments("CronJob", name, container))
        said, _ = job.communicate(timeout=JOB_S)
        assert job.returncode == 0, said


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """With a store and secrets, and nothing built yet."""
    folder = tmp_path_factory.mktemp("cluster")
    write_world(folder / "data")
    (folder / "store" / "run").mkdir(parents=True)
    (folder / "api-keys").mkdir()
    Authority(folder).sign("server").copied(folder / "tls")
    port = free_port()
    with ExitStack() as stack:
        stack.enter_context(valkey(folder / "store", port, PASSWORD))
        wait_for_valkey(stack.enter_context(caller(port, PASSWORD)))
        yield Cluster(render("tls"), folder, port)


# On a busy machine five programs take long to begin.
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_first_day(cluster: Cluster) -> None:
    """The three jobs, in the order of the notes; then the server is ready, and answers who has a key."""
    for name, container in (
        ("-index-build", "index-build"),
        ("-calibrate", "calibrate"),
        ("-batch", "batch"),
    ):
        cluster.run(name, container)
    key = add_key(cluster.folder / "api-keys" / "keys", "feed")
    server = cluster.start(cluster.arguments("Deployment", "", "server"))
    try:
        wait_until(lambda: is_well(cluster, "readinessProbe") or server.poll() is not None)
        assert server.poll() is None, server.communicate()[0]
        assert is_well(cluster, "livenessProbe")
        trusted = grpc.ssl_channel_credentials((cluster.folder / "authority.pem").read_bytes())
        address = f"localhost:{cluster.grpc}"
        with Client(address, credentials=trusted, api_key=key) as client:
            assert client.recommend("user-1", timeout_s=HANG_S).candidates
        with Client(address, credentials=trusted) as client, pytest.raises(UnauthenticatedError):
            client.recommend("user-1", timeout_s=HANG_S)
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=HANG_S)
    assert server.returncode == 0


def is_well(cluster: Cluster, probe: str) -> bool:
    """As the kubelet asks: what the chart has it ask, in the clear."""
    told = cluster.chart.container("Deployment", "", "server")[probe]["grpc"]
    question = health_pb2.HealthCheckRequest(service=told.get("service", ""))
    with grpc.insecure_channel(f"127.0.0.1:{cluster.health}") as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(question, timeout=HANG_S)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
