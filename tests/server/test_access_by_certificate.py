"""Who may call what where callers show certificates (mTLS): every method, with and without one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from server.access import RULES, Needs
from server.api_keys import add_key
from server.bootstrap import wire_server
from server.metrics_catalogue import SERVICE
from server.ports import Ports
from tests.server.certificates import Authority
from tests.server.conftest import settings
from tests.server.test_access import as_it_is, methods
from tests.server.world import default_people, make_pins
from tests.waiting import HANG_S

NO_CONNECTION = grpc.StatusCode.UNAVAILABLE
REFUSALS = (NO_CONNECTION, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
# One that there is not is refused like those that ask for the most.
ABSENT = f"/{SERVICE}/DropAll"
OPEN = {method for method, rule in RULES.items() if rule is Needs.NOTHING}


def every() -> list[str]:
    """The methods asked for."""
    return [*methods(), ABSENT]


def needs(method: str) -> Needs:
    return RULES.get(method, Needs.WRITING_KEY)


@contextmanager
def serving(authority: Authority, api_keys: Path | None = None) -> Iterator[int]:
    """A server that asks for certificates; its port."""
    pair = authority.sign("server")
    asked = settings(
        tls_cert=pair.certificate,
        tls_key=pair.key,
        tls_client_ca=authority.own.certificate,
        api_keys=api_keys,
        reflection=True,
    )
    server = wire_server(make_pins(), default_people().store(), asked)
    yield server.start(Ports(host="127.0.0.1", port=0, metrics_port=0))
    server.stop(grace_s=1)


def refused(port: int, shown: grpc.ChannelCredentials, key: str = "") -> dict[str, grpc.StatusCode | None]:
    """Of each method, what a caller with an empty request is refused with; None where it is heard."""
    metadata = (("authorization", f"Bearer {key}"),) if key else ()
    found = {}
    with grpc.secure_channel(f"localhost:{port}", shown) as channel:
        for method in every():
            call = channel.unary_stream(method, as_it_is, as_it_is)(b"", metadata=metadata, timeout=HANG_S)
            try:
                next(call, None)
                code = grpc.StatusCode.OK
            except grpc.RpcError as error:
                code = error.code()
            call.cancel()
            found[method] = code if code in REFUSALS else None
    return found


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


def shown(authority: Authority, by: Authority) -> grpc.ChannelCredentials:
    """What a caller connects with, whose certificate another may have signed."""
    pair = by.sign("caller")
    return grpc.ssl_channel_credentials(
        authority.certificate, pair.key.read_bytes(), pair.certificate.read_bytes()
    )


def test_each_method_by_certificate(authority: Authority, tmp_path: Path) -> None:
    """With one of the authority's all are heard; without one, or with another's, none, not even health."""
    with serving(authority) as port:
        heard = dict.fromkeys(every())
        unheard = dict.fromkeys(every(), NO_CONNECTION)
        assert refused(port, shown(authority, by=authority)) == heard
        assert refused(port, grpc.ssl_channel_credentials(authority.certificate)) == unheard
        assert refused(port, shown(authority, by=Authority(tmp_path, "other"))) == unheard


def test_each_method_by_certificate_and_key(authority: Authority, tmp_path: Path) -> None:
    """A certificate stands for no key: without one only health is heard, writing not with one for reading."""
    keys = tmp_path / "keys"
    writing, reading = add_key(keys, "feed"), add_key(keys, "report", may_write=False)
    with serving(authority, keys) as port:
        ours = shown(authority, by=authority)
        assert refused(port, ours) == {
            method: None if method in OPEN else grpc.StatusCode.UNAUTHENTICATED for method in every()
        }
        assert refused(port, ours, writing) == dict.fromkeys(every())
        assert refused(port, ours, reading) == {
            method: grpc.StatusCode.PERMISSION_DENIED if needs(method) is Needs.WRITING_KEY else None
            for method in every()
        }
