"""The image: what its recipe promises, as far as that can be read off; docs/deployment.md says how it ran."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT
from tests.compiling import needs_a_compiler
from tests.deployment.licences import DOCUMENT, table

DOCKERFILE = (ROOT / "Dockerfile").read_text()
WITH_SPARK = (ROOT / "Dockerfile.spark").read_text()
PROGRAMS = ("server", "index_builder", "profile_builder")


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """The instructions of all stages, each on one line."""
    joined = re.sub(r"\\\n\s*", "", "\n".join(re.findall(r"(?m)^(?!#).*", dockerfile)))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines()) if word]


def last_stage(dockerfile: str = DOCKERFILE) -> list[tuple[str, str]]:
    every = instructions(dockerfile)
    begin = max(at for at, (word, _) in enumerate(every) if word == "FROM")
    return every[begin:]


def of(stage: list[tuple[str, str]], word: str) -> list[str]:
    return [rest for name, rest in stage if name == word]


def steps(dockerfile: str = DOCKERFILE) -> list[str]:
    """The commands that a recipe runs, one by one."""
    runs = " && ".join(of(instructions(dockerfile), "RUN"))
    return [re.sub(r"\s+", " ", step).strip() for step in runs.split("&&")]


def names(lock: str) -> set[str]:
    return set(re.findall(r"(?m)^([a-z0-9._-]+==\S+)", (ROOT / lock).read_text()))


def copied(dockerfile: str = DOCKERFILE) -> set[str]:
    """What a recipe takes from the folder it is built in."""
    return {
        source
        for rest in of(instructions(dockerfile), "COPY")
        if "--from" not in rest
        for source in rest.split()[:-1]
    }


@pytest.mark.parametrize("recipe", ["Dockerfile", "Dockerfile.spark"])
def test_hadolint_finds_nothing(recipe: str) -> None:
    """The critic of Dockerfiles is content."""
    hadolint = Path(sys.executable).parent / "hadolint"
    ran = subprocess.run([str(hadolint), str(ROOT / recipe)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_it_runs_as_nobody_in_particular() -> None:
    """By number, so that an orchestrator sees that it is not root; one process, started without a shell."""
    (user,) = of(last_stage(), "USER")
    assert of(last_stage(WITH_SPARK), "USER")[-1] == user
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    (entry,), (command,) = of(last_stage(), "ENTRYPOINT"), of(last_stage(), "CMD")
    assert json.loads(entry) == ["python", "-m"]
    assert json.loads(command) == ["server"]


def test_everything_comes_from_the_lock() -> None:
    """Hashes are required, packages come as wheels, and the lock has what each of the programs may need."""
    installs = [step for step in steps() if "pip" in step and " install " in step]
    image_lock, client, cython = installs
    for install in (image_lock, cython):
        assert {"--require-hashes", "--only-binary :all:"} <= set(re.findall(r"--\S+(?: :all:)?", install))
    assert image_lock.endswith("--requirement requirements-image.lock")
    assert client.endswith("--no-deps --disable-pip-version-check --no-build-isolation ./client")
    assert cython.endswith("--requirement requirements-compile.lock")
    image = names("requirements-image.lock")
    for part in ("requirements.lock", "requirements-kafka.lock", "requirements-tracing.lock"):
        assert names(part) <= image, part


def test_no_build_tool_stays() -> None:
    """The last stage installs nothing, and takes away what its base has to install with."""
    runs = of(last_stage(), "RUN")
    assert runs == ["python -m pip uninstall --yes --quiet setuptools wheel pip"]
    assert {"cython", "setuptools"}.isdisjoint(
        name.partition("==")[0] for name in names("requirements-image.lock")
    )


def test_the_inner_loops_are_compiled_where_there_is_a_compiler() -> None:
    """The build stage has one, on the same Debian with the same Python; what compiles is not carried over."""
    assert of(instructions(DOCKERFILE), "FROM") == ["${BUILD_IMAGE} AS build", "${PYTHON_IMAGE}"]
    bases = dict(rest.split("=") for rest in of(instructions(DOCKERFILE), "ARG")[:2])
    assert bases["PYTHON_IMAGE"] == bases["BUILD_IMAGE"].replace("-bookworm", "-slim-bookworm")
    (carried,) = [rest for rest in of(last_stage(), "COPY") if "--from" in rest]
    assert carried == "--from=build /opt/pinnersage /opt/pinnersage"
    (install,) = [step for step in steps() if "requirements-compile.lock" in step and "pip" in step]
    assert "--target /build/cython " in install
    ours = [step for step in steps() if "./compile.sh" in step or "-name include" in step]
    assert ["./compile.sh" in step for step in ours] == [True, False], (
        "numpy's headers go after the loops are built"
    )


@pytest.mark.slow
@needs_a_compiler
def test_the_image_holds_compiled_loops_and_no_sources_of_them(tmp_path: Path) -> None:
    """The steps that compile, run on a copy of the rooms: each loop is there and loads; no source is left."""
    service = tmp_path / "service"
    for room in ("storage", "server"):
        shutil.copytree(ROOT / room, service / room, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    loops = [path.relative_to(service).with_suffix("") for path in service.rglob("*.pyx")]
    assert loops
    compiling = [step for step in steps() if step.startswith("find /opt/pinnersage/service ")]
    command = " && ".join(compiling)
    for theirs, here in {
        "/opt/pinnersage/service": service,
        "./compile.sh": ROOT / "compile.sh",
        "/opt/pinnersage/bin/python": sys.executable,
    }.items():
        command = command.replace(theirs, shlex.quote(str(here)))
    subprocess.run(["bash", "-c", command], check=True, cwd=tmp_path)
    assert [path for path in service.rglob("*") if path.suffix in {".pyx", ".pxd", ".c"}] == []
    loads = "".join(f"import {str(loop).replace('/', '.')}\n" for loop in loops)
    subprocess.run([sys.executable, "-c", loads], check=True, cwd=service)
    assert len(list(service.rglob("*.so"))) == len(loops)


def test_it_takes_what_the_programs_are_and_nothing_else() -> None:
    """Each room that a program imports is copied; .dockerignore lets in what is copied, and no more."""
    rooms = {"model", "storage", "process", *PROGRAMS, "client"}
    assert copied() == rooms | {
        "LICENSE",
        "compile.sh",
        "requirements-image.lock",
        "requirements-compile.lock",
    }
    ignored = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] not in {"#", ""}
    ]
    assert ignored[0] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == copied() | copied(WITH_SPARK)


@pytest.mark.parametrize("label", ["title", "description", "licenses", "version", "revision"])
def test_it_says_what_it_is(label: str) -> None:
    """Labels of the Open Container Initiative."""
    (labels,) = of(last_stage(), "LABEL")
    assert f"org.opencontainers.image.{label}=" in labels


def test_licences_are_written_down_as_they_are() -> None:
    """docs/licences.md has every package of the image, and what each says of its terms."""
    assert DOCUMENT.read_text(encoding="utf-8") == table()
