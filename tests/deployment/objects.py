"""An object storage for tests: SeaweedFS in one process on loopback speaks S3, and checks signatures."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.end_to_end.processes import tool
from tests.ports import free_port
from tests.waiting import HANG_S, wait_until

_KEY, _SECRET = "shop", "a secret word"
_SERVERS = ("master", "volume", "filer", "s3")


def rclone(secret: dict[str, str], *arguments: str) -> int:
    """Run rclone as who has the secret; its exit status."""
    environment = os.environ | {"RCLONE_CONFIG": os.devnull} | secret
    return subprocess.run(
        [str(tool("rclone")), *arguments], env=environment, capture_output=True, check=False, timeout=HANG_S
    ).returncode


@contextmanager
def object_storage(folder: Path) -> Iterator[dict[str, str]]:
    """One with a user and a bucket `shop`; what the chart's secret would say of it. It is ended for sure."""
    identity = {
        "name": "shop",
        "credentials": [{"accessKey": _KEY, "secretKey": _SECRET}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "data").mkdir()
    ports = {server: (free_port(), free_port()) for server in _SERVERS}
    said = folder / "log"
    with said.open("w") as log:
        process = subprocess.Popen(_command(folder, ports), stdout=log, stderr=log)
    secret = {
        "RCLONE_CONFIG_S3_TYPE": "s3",
        "RCLONE_CONFIG_S3_PROVIDER": "SeaweedFS",
        "RCLONE_CONFIG_S3_ENDPOINT": f"http://127.0.0.1:{ports['s3'][0]}",
        "RCLONE_CONFIG_S3_ACCESS_KEY_ID": _KEY,
        "RCLONE_CONFIG_S3_SECRET_ACCESS_KEY": _SECRET,
        # What cannot be reached is to be said at once.
        "RCLONE_RETRIES": "1",
        "RCLONE_LOW_LEVEL_RETRIES": "2",
    }

    def takes_objects() -> bool:
        # There are buckets before there is a volume to put something on.
        first = str(folder / "s3.json"), "s3:shop/first"
        return rclone(secret, "mkdir", "s3:shop") == 0 and rclone(secret, "copyto", *first) == 0

    try:
        wait_until(lambda: takes_objects() or process.poll() is not None, said.read_text)
        assert process.poll() is None, said.read_text()
        yield secret
    finally:
        process.kill()
        process.wait()
        for server, (_, grpc_port) in ports.items():
            # Nothing tells it to leave them elsewhere.
            Path(f"/tmp/seaweedfs-{server}-grpc-{grpc_port}.sock").unlink(missing_ok=True)  # noqa: S108


def _command(folder: Path, ports: Mapping[str, tuple[int, int]]) -> list[str]:
    listening = [
        argument
        for server, (port, grpc_port) in ports.items()
        for argument in (f"-{server}.port={port}", f"-{server}.port.grpc={grpc_port}")
    ]
    return [
        str(tool("weed")),
        f"-logdir={folder}",
        "server",
        f"-dir={folder / 'data'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        *listening,
        "-filer",
        f"-filer.localSocket={folder / 'filer.sock'}",
        "-s3",
        f"-s3.localSocket={folder / 's3.sock'}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.config={folder / 's3.json'}",
        # It would tell its makers of itself.
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=64",
        "-volume.max=8",
    ]
