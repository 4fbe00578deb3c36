"""What users get from a registry: the wheel's content, and what installing it brings along."""

import json
import re
import subprocess
import sys
import time
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import pinnersage.client
from tests.waiting import JOB_S

pytestmark = pytest.mark.slow

CLIENT = Path(__file__).parents[2] / "client"
PROJECT = tomllib.loads((CLIENT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# What pip says when it is the network, and not the project, that fails.
NO_REGISTRY = re.compile(
    r"((New)?Connection|ConnectTimeout|ReadTimeout|Proxy|Protocol|Response|SSL)Error.*"
    r"|.*timed out.*|.*HTTP error 5\d\d.*|.*5\d\d Server Error.*"
)
# It is asked again after so long: a download breaks off now and then, and pip itself does not begin it anew.
PAUSES_S = (0, 5, 20)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=CLIENT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def wheel(built: Path) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(built) as opened:
        yield opened


def test_the_wheel_holds_the_client_and_the_stubs(wheel: zipfile.ZipFile) -> None:
    """Both packages, both marked as typed, and the licence; nothing besides."""
    names = set(wheel.namelist())
    info = f"pinnersage_client-{pinnersage.client.__version__}.dist-info"
    assert {"pinnersage/client/py.typed", "pinnersage/v1/py.typed"} <= names
    assert {"pinnersage/client/testing/__init__.py", "pinnersage/v1/recommender_pb2.pyi"} <= names
    assert f"{info}/licenses/LICENSE" in names
    assert {name.rpartition("/")[0].split("/")[0] for name in names} == {"pinnersage", info}


def test_the_wheel_leaves_the_namespace_open(wheel: zipfile.ZipFile) -> None:
    """`pinnersage` is a PEP 420 namespace: an __init__.py would shut others out."""
    assert "pinnersage/__init__.py" not in wheel.namelist()


def test_the_version_is_written_the_same_twice() -> None:
    """In the code, for the user agent, and in the project's file."""
    assert PROJECT["version"] == pinnersage.client.__version__


def test_the_oldest_protobuf_allowed_can_load_the_stubs() -> None:
    """Stubs refuse a runtime older than their generator, to the patch release."""
    stubs = (CLIENT / "pinnersage/v1/recommender_pb2.py").read_text(encoding="utf-8")
    generator = re.search(r"# Protobuf Python Version: ([\d.]+)", stubs)
    assert generator is not None
    assert f"protobuf>={generator[1]},<8" in PROJECT["dependencies"]


@pytest.fixture(scope="module")
def fresh(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh virtual environment with `pip install` of the wheel and nothing more."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder)
    python = folder / "bin" / "python"
    problem = ""
    for pause_s in PAUSES_S:
        time.sleep(pause_s)
        problem = _install(built, python)
        if not problem:
            break
    offline = NO_REGISTRY.search(problem)
    if offline:
        pytest.skip(f"the package registry cannot be reached: {offline[0]}")
    assert problem == ""
    return python


def _pip(python: Path) -> list[str]:
    """Our own pip, at work in another environment."""
    return [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]


def _install(wheel: Path, python: Path) -> str:
    """What pip says against it; nothing when all is well."""
    install = [*_pip(python), "install", "--quiet", str(wheel)]
    try:
        done = subprocess.run(install, capture_output=True, text=True, timeout=JOB_S, check=False)
    except subprocess.TimeoutExpired as error:
        return str(error)
    return done.stderr if done.returncode else ""


@pytest.mark.tool
@pytest.mark.timeout((len(PAUSES_S) + 1) * JOB_S)
def test_installing_the_client_brings_grpcio_and_protobuf_only(fresh: Path) -> None:
    """No numpy, no faiss; the client imports, the command runs, and the fake server answers it."""
    listed = subprocess.check_output([*_pip(fresh), "list", "--format", "json"], text=True)
    installed = {package["name"] for package in json.loads(listed)}
    assert installed == {"pinnersage-client", "grpcio", "protobuf", "typing_extensions"}
    shown = subprocess.check_output([fresh.with_name("pinnersage"), "--help"], text=True)
    assert "recommend" in shown
    asked = (
        "from pinnersage.client import Client\n"
        "from pinnersage.client.testing import FakeRecommender\n"
        "with FakeRecommender() as fake, Client(fake.target) as client:\n"
        "    print(client.health().name)"
    )
    assert subprocess.check_output([fresh, "-c", asked], text=True) == "SERVING\n"
