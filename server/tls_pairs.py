"""A certificate and its key, tried before anybody meets them: in a handshake with ourselves, in memory."""

import os
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

_FIRST_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_OTHERS_KEY = "the key is not the certificate's"
_UNREADABLE = "they cannot be read as a PEM certificate and its key without a password"
# A handshake is over after a few; this ends one that is not.
_MESSAGES = 20


class UnusablePairError(ValueError):
    """Why nobody could be served with it."""


def try_pair(chain: bytes, key: bytes) -> float:
    """Try a handshake, and say when the certificate expires, in Unix seconds.

    Args:
        chain: PEM, the server's own certificate first.
        key: PEM, its private key.

    Raises:
        UnusablePairError: They do not belong together, are damaged, or the certificate is not valid now.
    """
    try:
        return _expires_s(_server_side(chain, key), _client_side(chain))
    except ssl.SSLCertVerificationError as error:
        raise UnusablePairError(f"the certificate: {error.verify_message}") from error
    except ssl.SSLError as error:
        is_others = error.reason == "KEY_VALUES_MISMATCH"
        raise UnusablePairError(_OTHERS_KEY if is_others else _UNREADABLE) from error


def _server_side(chain: bytes, key: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with _as_file(chain) as chain_path, _as_file(key) as key_path:
        # Without an answer OpenSSL would ask for the password on the terminal.
        context.load_cert_chain(chain_path, key_path, password=lambda: "")
    return context


def _client_side(chain: bytes) -> ssl.SSLContext:
    """Trusts this one certificate, whoever signed it."""
    first = _FIRST_CERTIFICATE.search(chain)
    if first is None:
        raise UnusablePairError(_UNREADABLE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=first[0].decode("ascii"))
    return context


def _expires_s(serving: ssl.SSLContext, calling: ssl.SSLContext) -> float:
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = calling.wrap_bio(down, up)
    server = serving.wrap_bio(up, down, server_side=True)
    for _ in range(_MESSAGES):
        is_done = [_step(side) for side in (client, server)]
        if all(is_done):
            break
    told = client.getpeercert()
    assert told is not None  # noqa: S101 - else the handshake would have failed
    return float(ssl.cert_time_to_seconds(str(told["notAfter"])))


def _step(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """In memory only: ssl reads keys from files, and a key must not lie about."""
    file = os.memfd_create("pem", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(file), "wb") as out:
            out.write(content)
        yield f"/proc/self/fd/{file}"
    finally:
        os.close(file)
