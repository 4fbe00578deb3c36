"""The README's ten minutes, done as it says: its own code, its own commands, a real server."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.processes import running
from demo.serving import address_in
from tests.waiting import HANG_S, wait_until

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


@dataclass(frozen=True)
class Readme:
    """What a reader copies from the README."""

    make_shop: str
    dataset_toml: str
    commands: list[str]
    client_code: str
    console: list[str]


@pytest.fixture(scope="module")
def readme() -> Readme:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    own_data, ask = (text.partition(heading)[2] for heading in ("## Your own data", "## Ask"))
    return Readme(
        make_shop=block(own_data, "python"),
        dataset_toml=block(own_data, "toml"),
        commands=block(own_data, "sh").splitlines(),
        client_code=block(ask, "python"),
        console=re.findall(r"(?m)^\$ (pinnersage .*)$", ask),
    )


def block(text: str, language: str) -> str:
    """The first block in this language."""
    found = re.search(rf"(?ms)^```{language}\n(.*?)^```$", text)
    assert found is not None
    return found[1]


def must(folder: Path, *command: str) -> str:
    """Run a command in the reader's folder; it has to succeed."""
    ran = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def folder(readme: Readme, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the reader has done everything but start the server."""
    folder = tmp_path_factory.mktemp("reader")
    must(folder, sys.executable, "-c", readme.make_shop)
    (folder / "my-shop" / "dataset.toml").write_text(readme.dataset_toml)
    for line in readme.commands[:-1]:
        must(folder, sys.executable, *shlex.split(line)[1:])
    return folder


@pytest.fixture(scope="module")
def address(readme: Readme, folder: Path) -> Iterator[str]:
    """The server of the README's last command, on a free port."""
    words = shlex.split(readme.commands[-1].replace("build/", f"{folder}/build/"))[1:]
    command = [sys.executable, *words, "--port", "0", "--metrics-port", "0", "--drain-s", "0"]
    with (folder / "log").open("wb") as log, running(command, log) as process:
        wait_until(lambda: address_in((folder / "log").read_text()) or process.poll() is not None)
        found = address_in((folder / "log").read_text())
        assert found is not None, (folder / "log").read_text()
        yield found


def test_the_client_code_prints_what_it_promises(readme: Readme, folder: Path, address: str) -> None:
    """The reader's customer gets 20 articles, each near one that they bought or viewed."""
    code = readme.client_code.replace("import Client", "import Client, Timeout")
    code = code.replace('"127.0.0.1:50051"', f'"{address}", timeout=Timeout(call_s={HANG_S})')
    assert f'"{address}", timeout=' in code
    groups = must(folder, sys.executable, "-c", code).splitlines()
    assert all(re.fullmatch(r"because you saved 85\d{4}A:( 85\d{4}A)+", group) for group in groups)
    assert sum(len(group.partition(":")[2].split()) for group in groups) == 20


def test_the_command_line_answers_as_shown(readme: Readme, folder: Path, address: str) -> None:
    """Every `pinnersage` command of the README answers, for the customer it asks about."""
    assert readme.console
    for line in readme.console:
        program = str(Path(sys.executable).with_name("pinnersage"))
        said = must(folder, program, *shlex.split(line)[1:], "--server", address, "--timeout", str(HANG_S))
        assert said.startswith("customer-7: ")
