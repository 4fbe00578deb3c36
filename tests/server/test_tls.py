"""TLS: who may connect, what pair is served, and that renewing it costs nobody a call."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server.bootstrap import wire_server
from server.errors import StartError
from server.ports import Ports
from server.settings import ServerSettings
from server.tls_pairs import UnusablePairError, try_pair
from tests.server.certificates import Authority, Pair, expire
from tests.server.conftest import settings
from tests.server.world import default_people, make_pins
from tests.waiting import HANG_S

PINS = pb.GetPinsRequest(pin_ids=["cat-0"])


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pairs(authority: Authority) -> list[Pair]:
    """Two that serve, of the same authority."""
    return [authority.sign("first"), authority.sign("second")]


@contextmanager
def serving(asked: ServerSettings) -> Iterator[int]:
    server = wire_server(make_pins(), default_people().store(), asked)
    yield server.start(Ports(host="127.0.0.1", port=0, metrics_port=0))
    server.stop(grace_s=1)


def ask(port: int, credentials: grpc.ChannelCredentials | None) -> pb.GetPinsResponse:
    """One call on a connection of its own."""
    address, options = f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)]
    channel = (
        grpc.insecure_channel(address, options)
        if credentials is None
        else grpc.secure_channel(address, credentials, options)
    )
    with channel:
        return RecommenderStub(channel).GetPins(PINS, timeout=HANG_S)


def of(pair: Pair, client_ca: Path | None = None) -> dict[str, object]:
    return {"tls_cert": pair.certificate, "tls_key": pair.key, "tls_client_ca": client_ca}


def status_of(port: int, credentials: grpc.ChannelCredentials | None) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as refused:
        ask(port, credentials)
    code: grpc.StatusCode = refused.value.code()
    return code


def test_who_trusts_the_authority_gets_an_answer(authority: Authority, pairs: list[Pair]) -> None:
    """Over TLS; who speaks plain text, or trusts somebody else, does not connect."""
    with serving(settings(**of(pairs[0]))) as port:
        trusting = grpc.ssl_channel_credentials(authority.certificate)
        assert ask(port, trusting).pins[0].pin_id == "cat-0"
        assert status_of(port, None) is grpc.StatusCode.UNAVAILABLE
        stranger = grpc.ssl_channel_credentials(pairs[1].certificate.read_bytes())
        assert status_of(port, stranger) is grpc.StatusCode.UNAVAILABLE


def test_with_client_certificates_only_their_owners_connect(
    authority: Authority, pairs: list[Pair], tmp_path: Path
) -> None:
    """One of the authority's gets in; without one, or with another authority's, nobody does."""
    other = Authority(tmp_path).sign("somebody")

    def with_pair(pair: Pair) -> grpc.ChannelCredentials:
        key, chain = pair.key.read_bytes(), pair.certificate.read_bytes()
        return grpc.ssl_channel_credentials(authority.certificate, key, chain)

    with serving(settings(**of(pairs[0], authority.own.certificate))) as port:
        assert ask(port, with_pair(pairs[1])).pins
        without = grpc.ssl_channel_credentials(authority.certificate)
        assert status_of(port, without) is grpc.StatusCode.UNAVAILABLE
        assert status_of(port, with_pair(other)) is grpc.StatusCode.UNAVAILABLE


def refusal(certificate: bytes, key: bytes) -> str:
    with pytest.raises(UnusablePairError) as refused:
        try_pair(certificate, key)
    return str(refused.value)


def test_what_cannot_serve_is_found_before_anybody_meets_it(authority: Authority, pairs: list[Pair]) -> None:
    """A key of another pair, an expired certificate, a damaged file, a key behind a password: in words."""
    first, second = ((pair.certificate.read_bytes(), pair.key.read_bytes()) for pair in pairs)
    expired = authority.sign("expired")
    expire(expired)

    assert refusal(first[0], second[1]) == "the key is not the certificate's"
    assert "certificate has expired" in refusal(expired.certificate.read_bytes(), expired.key.read_bytes())
    unreadable = "cannot be read as a PEM certificate and its key without a password"
    assert unreadable in refusal(first[0][:200], first[1])
    assert unreadable in refusal(first[0], b"")
    assert unreadable in refusal(first[1], first[0])
    assert unreadable in refusal(first[0].replace(b" CERTIFICATE", b" TRUSTED CERTIFICATE"), first[1])


def test_a_pair_that_serves_says_how_long(pairs: list[Pair]) -> None:
    """The time in its certificate, of which an alert is made."""
    expires_s = try_pair(pairs[0].certificate.read_bytes(), pairs[0].key.read_bytes())

    assert expires_s == pytest.approx(time.time() + 86_400, abs=3_600)


def refused_at_start(**files: object) -> str:
    with pytest.raises(StartError) as refused, serving(settings(**files)):
        pass
    return str(refused.value)


def test_a_server_does_not_start_with_what_cannot_serve(pairs: list[Pair], tmp_path: Path) -> None:
    """It says which flag and file it is, and what is wrong with it."""
    first, second = pairs
    nowhere = tmp_path / "nowhere.pem"

    assert refused_at_start(tls_cert=first.certificate, tls_key=second.key).endswith(
        f"--tls-key {second.key}: the key is not the certificate's."
    )
    assert refused_at_start(tls_cert=nowhere, tls_key=first.key) == (
        f"--tls-cert {nowhere} cannot be read: No such file or directory."
    )
    assert refused_at_start(**of(first, client_ca=first.key)) == (
        f"--tls-client-ca {first.key} holds no certificate in PEM."
    )
