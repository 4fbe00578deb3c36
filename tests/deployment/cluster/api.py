"""A real Kubernetes API server on loopback, over a real etcd: it admits and keeps objects, it runs none."""

import json
import os
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from tests.deployment.chart import Manifest, helm
from tests.ports import free_port
from tests.server.certificates import Authority, Pair
from tests.waiting import wait_until

TOKEN = "of-the-tests-alone"  # noqa: S105
_TIMEOUT_S = 60


@dataclass(frozen=True)
class Api:
    """One that runs.

    Attributes:
        port: On localhost.
        authority: PEM file: who signed its certificate.
        built: The folder of what `make test-cluster` builds.
    """

    port: int
    authority: Path
    built: Path

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))

    def ask(self, method: str, path: str, body: Manifest | None = None, **query: str) -> tuple[int, Any]:
        """The status of an answer, and what it says."""
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        connection = HTTPSConnection("localhost", self.port, timeout=_TIMEOUT_S, context=self._trust)
        with closing(connection):
            sent = None if body is None else json.dumps(body)
            connection.request(method, f"{path}?{urlencode(query)}", sent, headers)
            answer = connection.getresponse()
            said = answer.read()
        is_json = "json" in (answer.getheader("Content-Type") or "")
        return answer.status, json.loads(said) if is_json else said.decode()

    def is_ready(self) -> bool:
        try:
            return self.ask("GET", "/readyz")[0] == HTTPStatus.OK
        except OSError:
            return False

    def create(self, manifest: Manifest, *, dry: bool = False) -> str:
        """Create an object; what is wrong with it, or nothing. Fields that are not known are wrong."""
        dry_run = {"dryRun": "All"} if dry else {}
        status, said = self.ask("POST", self.place(manifest), manifest, fieldValidation="Strict", **dry_run)
        return "" if status == HTTPStatus.CREATED else f"{status}: {said['message']}"

    def place(self, manifest: Manifest) -> str:
        """The path of all objects of a kind, in the object's namespace where it has one."""
        version = manifest["apiVersion"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        status, known = self.ask("GET", root)
        assert status == HTTPStatus.OK, f"{version}: {known}"
        (found,) = (
            each
            for each in known["resources"]
            if each["kind"] == manifest["kind"] and "/" not in each["name"]
        )
        namespace = f"/namespaces/{manifest['metadata']['namespace']}" if found["namespaced"] else ""
        return f"{root}{namespace}/{found['name']}"

    def learn_operator(self) -> None:
        """Define the Prometheus operator's kinds that the chart makes."""
        kinds = {"servicemonitors", "prometheusrules"}
        for kind in sorted(kinds):
            defined = yaml.safe_load(
                (self.built / "resources" / f"monitoring.coreos.com_{kind}.yaml").read_text()
            )
            assert self.create(defined) == ""
        wait_until(lambda: kinds <= self._known_of_operator())

    def _known_of_operator(self) -> set[str]:
        status, known = self.ask("GET", "/apis/monitoring.coreos.com/v1")
        return {each["name"] for each in known["resources"]} if status == HTTPStatus.OK else set()

    def helm(self, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        """Helm, against this cluster."""
        return helm(
            *arguments,
            f"--kube-apiserver=https://localhost:{self.port}",
            f"--kube-token={TOKEN}",
            f"--kube-ca-file={self.authority}",
        )


@contextmanager
def api_server(folder: Path) -> Iterator[Api]:
    """One that is ready; ended whatever happens."""
    built = Path(os.environ["PINNERSAGE_CLUSTER"]).resolve()
    authority, etcd, port = Authority(folder), f"http://127.0.0.1:{free_port()}", free_port()
    own = {
        "etcd": _etcd(folder, etcd),
        "kube-apiserver": _kube_apiserver(folder, etcd, port, authority.sign("server")),
    }
    with ExitStack() as stack:
        for program, flags in own.items():
            log = stack.enter_context((folder / f"{program}.log").open("w"))
            process = subprocess.Popen([built / "bin" / program, *flags], stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.kill)
        running = Api(port, authority.own.certificate, built)
        wait_until(lambda: running.is_ready() or process.poll() is not None)
        assert process.poll() is None, (folder / "kube-apiserver.log").read_text()[-2000:]
        yield running


def _etcd(folder: Path, address: str) -> list[str]:
    peers = f"http://127.0.0.1:{free_port()}"
    return [
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={address}",
        f"--advertise-client-urls={address}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
    ]


def _kube_apiserver(folder: Path, etcd: str, port: int, pair: Pair) -> list[str]:
    (folder / "tokens.csv").write_text(f"{TOKEN},tests,1,system:masters\n")
    return [
        f"--etcd-servers={etcd}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={pair.certificate}",
        f"--tls-private-key-file={pair.key}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://localhost",
        f"--service-account-key-file={pair.certificate}",
        f"--service-account-signing-key-file={pair.key}",
        "--endpoint-reconciler-type=none",
        "--service-cluster-ip-range=10.0.0.0/24",
        f"--cert-dir={folder / 'own'}",
    ]
