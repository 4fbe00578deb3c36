"""What the command shows a server: TLS, a certificate of its own, an API key; all of it from files."""

import ssl
from pathlib import Path

import grpc

from pinnersage.client._errors import ConfigurationError
from pinnersage.client.command_line.arguments import Arguments


def credentials_of(arguments: Arguments) -> grpc.ChannelCredentials | None:
    """The channel's credentials; None for plain text.

    Raises:
        ConfigurationError: A file cannot be read or used, or a certificate is without its key.
    """
    if not (arguments.tls or arguments.ca or arguments.cert or arguments.key):
        return None
    if (arguments.cert is None) != (arguments.key is None):
        raise ConfigurationError("--cert FILE and --key FILE belong together: a certificate and its key")
    authorities = _content("--ca", arguments.ca)
    key, certificate = _content("--key", arguments.key), _content("--cert", arguments.cert)
    # What gRPC cannot use it tells nobody of: to the caller no server answers.
    if authorities is not None:
        _require_certificates(f"--ca {arguments.ca}", authorities)
    if certificate is not None:
        _require_certificates(f"--cert {arguments.cert}", certificate)
    if key is not None and b"PRIVATE KEY-----" not in key:
        raise ConfigurationError(f"--key {arguments.key} holds no private key in PEM")
    _require_pair(arguments.cert, arguments.key)
    return grpc.ssl_channel_credentials(authorities, key, certificate)


def api_key_of(arguments: Arguments) -> str | None:
    """The API key, without the line's end; None where there is none.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    content = _content("--api-key-file", arguments.api_key_file)
    return None if content is None else content.decode("utf-8", "replace").strip()


def _require_certificates(what: str, content: bytes) -> None:
    try:
        # Comments may be in any language; OpenSSL takes ASCII only.
        text = content.decode("latin-1").encode("ascii", "replace").decode()
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigurationError(
            f"{what} holds no certificate in PEM, a block that begins with -----BEGIN CERTIFICATE-----"
        ) from error


def _require_pair(certificate: Path | None, key: Path | None) -> None:
    if certificate is None or key is None or not (certificate.is_file() and key.is_file()):
        # A pipe can be read once only.
        return
    try:
        # An empty password: without one OpenSSL would ask for it on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"--cert {certificate} and --key {key} cannot be used together: the key is another "
            "certificate's, damaged, or locked with a password"
        ) from error


def _content(flag: str, path: Path | None) -> bytes | None:
    try:
        return None if path is None else path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{flag} {path} cannot be read: {error.strerror or error}") from error
