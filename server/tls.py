"""TLS on the port: certificates are taken up as they are renewed, without a restart or a lost call."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc

from server.errors import StartError
from server.tls_pairs import UnusablePairError, try_pair
from server.watched_files import read_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files.

    Attributes:
        certificate: The server's chain, its own certificate first.
        key: Its private key.
        client_ca: Who signs clients' certificates; None if clients need none.
    """

    certificate: Path
    key: Path
    client_ca: Path | None

    @property
    def paths(self) -> list[Path]:
        """All of them."""
        return [self.certificate, self.key, *([] if self.client_ca is None else [self.client_ca])]

    def read(self) -> "Certificates":
        """Read them, and try them out.

        Raises:
            StartError: One cannot be read, or together they cannot serve.
        """
        chain, key = read_bytes(self.certificate, "tls-cert"), read_bytes(self.key, "tls-key")
        try:
            expires_s = try_pair(chain, key)
        except UnusablePairError as error:
            raise StartError(f"--tls-cert {self.certificate} with --tls-key {self.key}: {error}.") from error
        clients = None if self.client_ca is None else _authorities(self.client_ca)
        return Certificates(grpc.ssl_server_certificate_configuration([(key, chain)], clients), expires_s)


@dataclass(frozen=True, slots=True, eq=False)
class Certificates:
    """What the files held when they were read.

    Attributes:
        configuration: As gRPC takes them.
        expires_s: When the server's own does, Unix seconds.
    """

    configuration: grpc.ServerCertificateConfiguration
    expires_s: float


def _authorities(path: Path) -> bytes:
    content = read_bytes(path, "tls-client-ca")
    try:
        ssl.create_default_context(cadata=content.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise StartError(f"--tls-client-ca {path} holds no certificate in PEM.") from error
    return content
