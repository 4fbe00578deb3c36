"""Artefacts in a real object storage: what the chart tells its rclone containers, done by that rclone."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from storage.dataset import read_dataset
from storage.publishing import VersionedFolder
from tests.deployment.chart import CHART, Rendered, render
from tests.deployment.objects import object_storage, rclone
from tests.deployment.scripts import SCRIPTS, with_program
from tests.deployment.test_scripts import publish
from tests.end_to_end.processes import tool
from tests.waiting import HANG_S, wait_until

pytestmark = [pytest.mark.tool, pytest.mark.slow]

LARGE = "pins" * 1_500_000  # More than the storage keeps in one piece.


@dataclass(frozen=True)
class Pod:
    """A folder in the place of a pod's disk."""

    chart: Rendered
    disk: Path
    secret: dict[str, str]

    def __post_init__(self) -> None:
        for volume in ("artefact", "data", "tmp"):
            (self.disk / volume).mkdir(parents=True, exist_ok=True)

    @property
    def artefact(self) -> VersionedFolder:
        return VersionedFolder(self.disk / "artefact")

    def start(self, kind: str, name: str, container: str) -> "subprocess.Popen[str]":
        """A container: its own command and variables, and those of its secret."""
        told = self.chart.container(kind, name, container)
        assert told["envFrom"] == [{"secretRef": {"name": "bucket"}}]
        own = {each["name"]: self._here(each["value"]) for each in told["env"]}
        return subprocess.Popen(
            [self._here(word) for word in told["command"]],
            env=with_program(tool("rclone")) | own | self.secret,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, kind: str, name: str, container: str) -> tuple[int, str]:
        """Its exit status, and what it said."""
        ended = self.start(kind, name, container)
        said, _ = ended.communicate(timeout=HANG_S)
        return ended.returncode, said

    def _here(self, word: str) -> str:
        """With our folders in place of the mounted ones."""
        if word.startswith("/scripts/"):
            return str(SCRIPTS / Path(word).name)
        mounted = Path(word).parts[:2] in {("/", volume) for volume in ("artefact", "data", "tmp")}
        return f"{self.disk}{word}" if mounted else word


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Of an object storage that answers."""
    with object_storage(tmp_path_factory.mktemp("objects")) as variables:
        yield variables


@pytest.fixture
def bucket(secret: dict[str, str]) -> Iterator[str]:
    """The chart's place in it, empty."""
    url = "s3:shop/pins"
    yield url
    rclone(secret, "purge", url)


def pod(disk: Path, secret: dict[str, str]) -> Pod:
    return Pod(render("full", {"artefact.fetch.everySeconds": 1}), disk, secret)


def test_the_chart_runs_the_rclone_that_is_tested() -> None:
    """The image of the values is of the version that runs here."""
    image = yaml.safe_load((CHART / "values.yaml").read_text())["artefact"]["fetch"]["image"]
    said = subprocess.run([str(tool("rclone")), "version"], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[0] == f"rclone v{image.rpartition(':')[2]}"


@pytest.mark.usefixtures("bucket")
def test_two_nights_on_object_storage(secret: dict[str, str], tmp_path: Path) -> None:
    """Each build begins with what is live and pushes what it made; a server's pod fetches it, to the byte."""
    first_night = pod(tmp_path / "first", secret)
    assert first_night.run("CronJob", "-index-build", "fetch-artefact")[0] == 0
    first = publish(first_night.disk / "artefact", LARGE)
    (first_night.disk / "artefact" / "blocked.txt").write_text("85123A\n")
    code, said = first_night.run("CronJob", "-index-build", "push-artefact")
    assert (code, said.splitlines()[-1]) == (0, f"pushed {first}"), said

    server = pod(tmp_path / "server", secret)
    assert server.run("Deployment", "", "fetch-artefact")[0] == 0
    assert server.artefact.current() == first
    assert (server.artefact.folder() / "data").read_text() == LARGE
    # From it servers tell how old the version is, and an alert whether a night's build is missing.
    built_s, seen_s = (
        (each.artefact.folder() / "manifest.json").stat().st_mtime for each in (first_night, server)
    )
    assert seen_s == pytest.approx(built_s, abs=1e-3)

    # A night without news.
    manifest = first_night.artefact.folder() / "manifest.json"
    os.utime(manifest, (built_s + 86_400, built_s + 86_400))
    assert first_night.run("CronJob", "-index-build", "push-artefact")[0] == 0
    assert server.run("Deployment", "", "fetch-artefact")[0] == 0
    seen_s = (server.artefact.folder() / "manifest.json").stat().st_mtime
    assert seen_s == pytest.approx(built_s + 86_400, abs=1e-3)

    second_night = pod(tmp_path / "second", secret)
    second_night.run("CronJob", "-index-build", "fetch-artefact")
    second = publish(second_night.disk / "artefact", "second")
    assert second.startswith("000002-")
    assert second_night.run("CronJob", "-index-build", "push-artefact")[0] == 0
    follower = server.start("Deployment", "", "follow-artefact")
    try:
        wait_until(lambda: server.artefact.current() == second)
    finally:
        follower.terminate()
    follower.communicate(timeout=HANG_S)
    assert follower.returncode == 0
    # The one before stays: a server may still read it.
    assert [each.name for each in server.artefact.versions()] == [first, second]


@pytest.mark.usefixtures("bucket")
def test_before_the_first_night_there_is_nothing_to_fetch(secret: dict[str, str], tmp_path: Path) -> None:
    """An empty place is no failure, and is said: the build begins with a fetch, too."""
    assert pod(tmp_path, secret).run("Deployment", "", "fetch-artefact") == (
        0,
        "nothing is live at s3:shop/pins yet\n",
    )


def test_a_version_that_is_not_there_is_not_shown(
    secret: dict[str, str], bucket: str, tmp_path: Path
) -> None:
    """The pod does not begin with a name without files; with the files it does."""
    built = tmp_path / "built"
    version = publish(built, "first")
    rclone(secret, "copyto", str(built / "CURRENT"), f"{bucket}/CURRENT")
    server = pod(tmp_path / "server", secret)
    assert server.run("Deployment", "", "fetch-artefact")[0] != 0
    assert not (server.disk / "artefact" / "CURRENT").exists()
    rclone(secret, "copy", str(built / version), f"{bucket}/{version}")
    assert server.run("Deployment", "", "fetch-artefact")[0] == 0
    assert server.artefact.current() == version


def test_without_a_good_key_the_pod_does_not_begin(
    secret: dict[str, str], bucket: str, tmp_path: Path
) -> None:
    """It says that it was refused, and what was fetched before stays."""
    built = tmp_path / "built"
    version = publish(built, "first")
    rclone(secret, "copy", str(built), bucket)
    server = pod(tmp_path / "server", secret)
    server.run("Deployment", "", "fetch-artefact")
    stranger = replace(server, secret=secret | {"RCLONE_CONFIG_S3_SECRET_ACCESS_KEY": "another"})
    code, said = stranger.run("Deployment", "", "fetch-artefact")
    assert code != 0
    assert "SignatureDoesNotMatch" in said
    assert server.artefact.current() == version


def test_the_data_of_a_night_is_fetched(secret: dict[str, str], tmp_path: Path) -> None:
    """The jobs find the data set's folder as it is in the bucket."""
    shop = tmp_path / "shop"
    (shop / "actions").mkdir(parents=True)
    (shop / "dataset.toml").write_text('name = "shop"\n')
    (shop / "actions" / "part-0.parquet").write_text("rows")
    rclone(secret, "copy", str(shop), "s3:shop/data")
    night = pod(tmp_path / "night", secret)
    assert night.run("CronJob", "-batch", "fetch-data")[0] == 0
    assert (night.disk / "data" / "dataset.toml").read_text() == 'name = "shop"\n'
    assert (night.disk / "data" / "actions" / "part-0.parquet").read_text() == "rows"


def test_a_consumer_is_brought_the_weights_alone(secret: dict[str, str], tmp_path: Path) -> None:
    """Of the data set's folder it fetches dataset.toml, which is enough to weigh actions by."""
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "dataset.toml").write_text(
        'name = "shop"\npins = "pins.parquet"\nembedding_space = "m"\n[action_weights]\nhide = -1\n'
    )
    (shop / "pins.parquet").write_text("rows")
    rclone(secret, "copy", str(shop), "s3:shop/data")
    consumer = pod(tmp_path / "consumer", secret)
    assert consumer.run("Deployment", "-online", "fetch-weights")[0] == 0
    fetched = consumer.disk / "data"
    assert [each.name for each in fetched.iterdir()] == ["dataset.toml"]
    assert read_dataset(fetched, files_are_here=False).action_weights == {"hide": -1}
