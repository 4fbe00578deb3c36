"""A real cluster: a master and two workers, asked by spark-submit, with packed code."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil
import pyspark
import pytest

from tests.ports import free_port
from tests.profile_builder.conftest import Shop, Terminal
from tests.storage.profiles.valkeys import Valkey

pytestmark = pytest.mark.spark

PACKED = Path(__file__).parents[3] / "build" / "spark"
SPARK = Path(pyspark.__file__).parent
BIN = SPARK / "bin"
# Without any of our packages: executors have what was packed.
BARE_PYTHON = Path(sys.executable).resolve()
PATIENCE_S = 500

_HERE = {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_HOME": str(SPARK)}
_NOT_FOR_THEM = ("PYTHONPATH", "VIRTUAL_ENV", "PYSPARK_PYTHON")


@dataclass(frozen=True)
class Cluster:
    """A master and its workers."""

    url: str
    workers: Sequence[psutil.Process]

    def executors(self) -> list[psutil.Process]:
        """The workers' executors that run now."""
        children = (child for worker in self.workers for child in worker.children())
        return [child for child in children if is_executor(child)]

    def submit(self, arguments: Sequence[object], folder: Path) -> "subprocess.Popen[str]":
        """Run the program on the cluster, from a folder without our code."""
        conf = {
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.ui.enabled": "false",
            "spark.executor.memory": "512m",
            "spark.pyspark.driver.python": sys.executable,
            "spark.pyspark.python": str(BARE_PYTHON),
            "spark.executorEnv.PYTHONPATH": "./environment",
        }
        command = [BIN / "spark-submit", "--master", self.url, "--py-files", PACKED / "pinnersage.zip"]
        command += ["--archives", f"{PACKED / 'environment.tar.gz'}#environment"]
        command += [part for name, value in conf.items() for part in ("--conf", f"{name}={value}")]
        return started([*command, PACKED / "submit.py", *arguments], folder, subprocess.PIPE)


def started(command: Sequence[object], folder: Path, said: IO[str] | int) -> "subprocess.Popen[str]":
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_THEM}
    return subprocess.Popen(
        [str(part) for part in command],
        cwd=folder,
        env=environment | _HERE,
        stdout=said,
        stderr=said,
        text=True,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers of a core each, on this machine's loopback."""
    assert (PACKED / "environment.tar.gz").exists(), "nothing is packed: run make spark-package"
    folder, port = tmp_path_factory.mktemp("cluster"), free_port()
    url, spark_class = f"spark://127.0.0.1:{port}", BIN / "spark-class"
    master = ["org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", port]
    said = (folder / "said.log").open("w+")
    processes = [started([spark_class, *master, "--webui-port", 0], folder, said)]
    try:
        until(lambda: listens(port) or processes[0].poll() is not None)
        worker = ["org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1", "--webui-port", 0]
        limits = ["--cores", 1, "--memory", "1g"]
        for number in range(2):
            place = ["--work-dir", folder / f"worker-{number}"]
            processes.append(started([spark_class, *worker, *limits, *place, url], folder, said))
        yield Cluster(url, [psutil.Process(process.pid) for process in processes[1:]])
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()
        said.seek(0)
        # Shown by pytest beside a test that fails.
        print(said.read())
        said.close()


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    server = Valkey()
    yield server
    server.stop()


@pytest.fixture
def given(run: Terminal, shop: Shop) -> tuple[object, ...]:
    """What both engines are given."""
    assert run("calibrate", "--data", shop.data, "--pins", shop.pins, "--out", shop.model) == 0
    return ("--data", shop.data, "--pins", shop.pins, "--model", shop.model)


def test_a_cluster_builds_what_one_process_does(
    run: Terminal, shop: Shop, given: tuple[object, ...], cluster: Cluster, valkey: Valkey
) -> None:
    """Executors that have nothing but what was packed write the batch; the local engine finds it live.

    One of them is killed as soon as it is there: what it did is done again, and counts once.
    """
    url = valkey.url()
    batch = cluster.submit(["batch", *given, "--profiles", url, "--engine", "spark"], shop.out)
    there: list[psutil.Process] = []

    def has_begun() -> bool:
        there.extend(cluster.executors())
        return bool(there) or batch.poll() is not None

    until(has_begun)
    for executor in there[:1]:
        executor.send_signal(signal.SIGKILL)
    out, err = batch.communicate(timeout=PATIENCE_S)
    assert (bool(there), batch.returncode) == (True, 0), err
    assert "  users             62" in out.splitlines()
    assert f"in                redis://127.0.0.1:{valkey.port}/0" in out

    assert run("batch", *given, "--profiles", url, "--rejects", shop.out / "rejects.jsonl") == 0
    assert "(the same as before: nothing was written)" in run.out


def test_a_store_that_cannot_be_reached_is_one_sentence(
    shop: Shop, given: tuple[object, ...], cluster: Cluster
) -> None:
    """Before Spark is even started, and without a traceback."""
    profiles = ("--profiles", "redis://ann:secret@127.0.0.1:1")
    batch = cluster.submit(["batch", *given, *profiles, "--engine", "spark"], shop.out)
    # spark-submit passes on what its driver says, all of it as output.
    out, err = batch.communicate(timeout=PATIENCE_S)
    assert batch.returncode == 1
    assert "profile_builder: redis://127.0.0.1:1/0 cannot be reached" in out
    assert "secret" not in out + err
    assert "Traceback" not in out + err


def is_executor(process: psutil.Process) -> bool:
    try:
        return any("CoarseGrainedExecutorBackend" in word for word in process.cmdline())
    except psutil.Error:
        # It has ended between the two looks.
        return False


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(is_so: Callable[[], object]) -> None:
    """Wait, but not for ever."""
    give_up = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < give_up, "nothing happened"
        time.sleep(0.05)
