"""A real Prometheus for tests: it scrapes ports of this machine, loads the chart's rules, answers queries."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from tests.deployment.queries import ALERTS
from tests.end_to_end.processes import tool
from tests.waiting import HANG_S, wait_until


class Prometheus:
    """One that runs."""

    def __init__(self, port: int) -> None:
        self._port = port

    def is_ready(self) -> bool:
        try:
            return self._get("/-/ready")[0] == HTTPStatus.OK
        except OSError:
            return False

    def ask(self, path: str, **parameters: str | float) -> Any:
        """What its API answers; an AssertionError with its words when it refuses."""
        status, said = self._get(f"/api/v1/{path}?{urlencode(parameters)}")
        assert status == HTTPStatus.OK, f"{parameters}: {said.decode()}"
        return json.loads(said)["data"]

    def _get(self, path: str) -> tuple[int, bytes]:
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=HANG_S)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an expression, now."""
        found: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return found


@contextmanager
def prometheus(folder: Path, port: int, targets: Mapping[str, int], every_s: int = 1) -> Iterator[Prometheus]:
    """One that scrapes ports of this machine by the names of their jobs; ended whatever happens."""
    for rules in ALERTS:
        shutil.copy(rules, folder)
    scrapes = [
        {
            "job_name": job,
            "static_configs": [{"targets": [f"127.0.0.1:{at}"], "labels": {"namespace": "feed"}}],
        }
        for job, at in targets.items()
    ]
    times = {"scrape_interval": f"{every_s}s", "scrape_timeout": f"{every_s}s", "evaluation_interval": "1s"}
    config = {"global": times, "rule_files": ["alerts*.yaml"], "scrape_configs": scrapes}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    said = folder / "log"
    with said.open("w") as log:
        process = subprocess.Popen(
            [
                str(tool("prometheus")),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stderr=log,
        )
    try:
        running = Prometheus(port)
        wait_until(lambda: running.is_ready() or process.poll() is not None, said.read_text)
        assert process.poll() is None, said.read_text()
        yield running
    finally:
        process.kill()
        process.wait()
