"""What protects the port, as the settings have it: TLS, and a check of API keys; both follow their files."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import grpc
import structlog

from server.access import KeyCheck
from server.api_keys import read_keys
from server.metrics import Metrics
from server.metrics_catalogue import Credentials
from server.settings import ServerSettings
from server.side_threads import Beside, Ticker
from server.tls import Certificates, TlsFiles
from server.watched_files import WatchedFiles

POLL_S = 1.0

log = structlog.get_logger("server.security")


@dataclass(frozen=True, slots=True)
class Security:
    """What a server is protected by.

    Attributes:
        credentials: Of the port; None for plain text.
        interceptors: Look at calls as they arrive.
        threads: Follow the files, to be started and stopped with the server.
    """

    credentials: grpc.ServerCredentials | None
    interceptors: Sequence[grpc.ServerInterceptor]
    threads: Sequence[Beside]


def build_security(settings: ServerSettings, metrics: Metrics) -> Security:
    """What the settings ask for.

    Raises:
        StartError: A file cannot be used.
    """
    credentials, interceptors, looks = None, [], []
    if settings.tls_cert is not None and settings.tls_key is not None:
        files = TlsFiles(
            certificate=settings.tls_cert, key=settings.tls_key, client_ca=settings.tls_client_ca
        )
        certificates = _watched_certificates(files, metrics)
        credentials = _server_credentials(certificates, with_clients=files.client_ca is not None)
        looks.append(certificates.look)
    if settings.api_keys is not None:
        path = settings.api_keys
        keys = WatchedFiles(
            "API keys",
            [path],
            lambda: read_keys(path),
            count_refused=lambda: metrics.count_refused_credentials(Credentials.API_KEYS),
        )
        metrics.gauges.watch("pinnersage_api_keys", lambda: len(keys.now.by_name))
        interceptors.append(KeyCheck(lambda: keys.now, metrics.count_refused_call))
        looks.append(keys.look)
    ticker = Ticker(lambda: _look(looks), name="credentials", every_s=POLL_S)
    return Security(credentials, interceptors, [ticker] if looks else [])


def _watched_certificates(files: TlsFiles, metrics: Metrics) -> WatchedFiles[Certificates]:
    certificates = WatchedFiles(
        "certificates",
        files.paths,
        files.read,
        count_refused=lambda: metrics.count_refused_credentials(Credentials.CERTIFICATES),
    )
    metrics.gauges.watch(
        "pinnersage_certificate_expires_seconds", lambda: certificates.now.expires_s - time.time()
    )
    return certificates


def _server_credentials(
    certificates: WatchedFiles[Certificates], *, with_clients: bool
) -> grpc.ServerCredentials:
    """Those of the moment: before each handshake gRPC asks for news; connections that there are stay."""
    given = certificates.now

    def news() -> grpc.ServerCertificateConfiguration | None:
        nonlocal given
        if given is certificates.now:
            return None
        given = certificates.now
        return given.configuration

    return grpc.dynamic_ssl_server_credentials(
        given.configuration,
        news,  # type: ignore[arg-type] # gRPC documents None for "no news"
        require_client_authentication=with_clients,
    )


def _look(looks: Sequence[Callable[[], None]]) -> None:
    for look in looks:
        look()
