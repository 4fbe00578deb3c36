"""A port that other machines reach is protected, or somebody has said that it need not be."""

from pathlib import Path

import pytest

from server.errors import StartError
from tests.server.conftest import settings

FILE = Path("some-file")
EVERYWHERE = "0.0.0.0"  # noqa: S104 - the point of these tests
TLS = {"tls_cert": FILE, "tls_key": FILE}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_needs_no_protection(host: str) -> None:
    """Nobody else gets there."""
    assert settings(host=host).host == host


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "10.0.0.7", "recommender.example"])
@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, r"TLS \(--tls-cert, --tls-key\) and a check of who calls \(--api-keys or --tls-client-ca\)"),
        ({"api_keys": FILE}, r"without TLS \(--tls-cert, --tls-key\)\. "),
        (TLS, r"without a check of who calls \(--api-keys or --tls-client-ca\)\. "),
    ],
)
def test_a_wider_port_without_protection_is_refused(
    host: str, given: dict[str, object], missing: str
) -> None:
    """Before anything is opened, with what is missing and the flag for who means it."""
    with pytest.raises(StartError, match=missing):
        settings(host=host, **given)
    assert settings(host=host, allow_insecure=True, **given).host == host


@pytest.mark.parametrize("check", [{"api_keys": FILE}, {"tls_client_ca": FILE}])
def test_a_wider_port_with_both_is_taken(check: dict[str, object]) -> None:
    """Encrypted, and open to those with a key or a certificate."""
    assert settings(host=EVERYWHERE, **TLS, **check).host == EVERYWHERE


@pytest.mark.parametrize("given", [{"tls_cert": FILE}, {"tls_key": FILE}, {"tls_client_ca": FILE}])
def test_half_of_tls_is_refused(given: dict[str, object]) -> None:
    """Nobody should believe to be encrypted who is not."""
    with pytest.raises(StartError, match="TLS needs both a certificate and its key: --tls-cert"):
        settings(**given)


def test_who_may_describe_the_service() -> None:
    """On loopback everybody; elsewhere nobody, unless it is said."""
    wide = {"host": EVERYWHERE, "api_keys": FILE, **TLS}

    assert settings().with_reflection
    assert not settings(reflection=False).with_reflection
    assert not settings(**wide).with_reflection
    assert settings(**wide, reflection=True).with_reflection
