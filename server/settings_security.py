"""What the server can be told about who may call it, and over what."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from process.commands import setting
from server.errors import StartError


@dataclass(frozen=True, kw_only=True)
class SecuritySettings:
    """Where the server listens, and who gets in; see docs/security.md."""

    host: Annotated[str, setting("Address to listen on.", env="HOST", metavar="ADDRESS")] = "127.0.0.1"
    tls_cert: Annotated[
        Path | None,
        setting(
            "Certificate chain of the server, PEM; with it the port speaks TLS. Renewed files are taken up.",
            env="TLS_CERT",
            metavar="FILE",
        ),
    ] = None
    tls_key: Annotated[
        Path | None,
        setting("Private key of the certificate, PEM, without a password.", env="TLS_KEY", metavar="FILE"),
    ] = None
    tls_client_ca: Annotated[
        Path | None,
        setting(
            "Authorities of clients' certificates, PEM; without such a certificate nobody connects (mTLS).",
            env="TLS_CLIENT_CA",
            metavar="FILE",
        ),
    ] = None
    api_keys: Annotated[
        Path | None,
        setting(
            "Hashes of the API keys that calls need one of; `python -m server key` makes them.",
            env="API_KEYS",
            metavar="FILE",
        ),
    ] = None
    health_port: Annotated[
        int,
        setting(
            "Port that answers for health, and nothing else, without TLS: for Kubernetes' probes. 0 is none.",
            env="HEALTH_PORT",
            low=0,
            high=65_535,
        ),
    ] = 0
    allow_insecure: Annotated[
        bool,
        setting(
            "Listen beyond loopback without TLS or a check of who calls: something else protects it.",
            env="ALLOW_INSECURE",
        ),
    ] = False
    reflection: Annotated[
        bool | None,
        setting(
            "Let grpcurl list and describe the service. Default: on loopback only.",
            env="REFLECTION",
        ),
    ] = None

    def require_protection(self) -> None:
        """Refuse to be open to other machines by oversight.

        Raises:
            StartError: What is missing, and how to say that it is not needed.
        """
        wants_tls = any((self.tls_cert, self.tls_key, self.tls_client_ca))
        if wants_tls and not (self.tls_cert and self.tls_key):
            raise StartError(
                "TLS needs both a certificate and its key: --tls-cert FILE (PINNERSAGE_TLS_CERT) and "
                "--tls-key FILE (PINNERSAGE_TLS_KEY)."
            )
        if missing := self._missing:
            raise StartError(
                f"--host {self.host} can be reached from other machines, and this server would be without "
                f"{' and '.join(missing)}. Add that, listen on 127.0.0.1, or say --allow-insecure "
                "(PINNERSAGE_ALLOW_INSECURE=1) if something else protects it; see docs/security.md."
            )

    @property
    def _missing(self) -> list[str]:
        """What a port needs that other machines reach."""
        if self.allow_insecure or is_loopback(self.host):
            return []
        encryption = ["TLS (--tls-cert, --tls-key)"] if self.tls_cert is None else []
        callers = self.api_keys is None and self.tls_client_ca is None
        return encryption + (["a check of who calls (--api-keys or --tls-client-ca)"] if callers else [])

    @property
    def with_reflection(self) -> bool:
        """Whether callers may list and describe the service."""
        return is_loopback(self.host) if self.reflection is None else self.reflection


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address or a name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
