"""What the command shows a server: TLS, a certificate of its own, an API key; all of it from files."""

from pathlib import Path

import grpc

from pinnersage.client._errors import ConfigurationError
from pinnersage.client.command_line.arguments import Arguments


def credentials_of(arguments: Arguments) -> grpc.ChannelCredentials | None:
    """The channel's credentials; None for plain text.

    Raises:
        ConfigurationError: A file cannot be read, or a certificate is without its key.
    """
    if not (arguments.tls or arguments.ca or arguments.cert or arguments.key):
        return None
    if (arguments.cert is None) != (arguments.key is None):
        raise ConfigurationError("--cert FILE and --key FILE belong together: a certificate and its key")
    return grpc.ssl_channel_credentials(
        _content("--ca", arguments.ca),
        _content("--key", arguments.key),
        _content("--cert", arguments.cert),
    )


def api_key_of(arguments: Arguments) -> str | None:
    """The API key, without the line's end; None where there is none.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    content = _content("--api-key-file", arguments.api_key_file)
    return None if content is None else content.decode("utf-8", "replace").strip()


def _content(flag: str, path: Path | None) -> bytes | None:
    try:
        return None if path is None else path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{flag} {path} cannot be read: {error.strerror or error}") from error
