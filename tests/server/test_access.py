"""Who may call what: every method with every kind of credential."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf import descriptor_pool
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection

from server.access import RULES
from server.api_keys import add_key
from server.bootstrap import wire_server
from server.metrics_catalogue import SERVICE
from server.ports import Ports
from server.serving import RunningServer
from tests.server.conftest import settings
from tests.server.world import default_people, make_pins
from tests.waiting import HANG_S

SERVICES = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
# Written out: what is open is open because somebody decided it here.
OPEN = {
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/List",
    "/grpc.health.v1.Health/Watch",
}
WRITING = {f"/{SERVICE}/RecordAction"}
NO_KEY = ("none", "empty", "another scheme", "never made", "retired", "another header")
A_KEY = ("the old key", "the new key")
CREDENTIALS = (*NO_KEY, *A_KEY, "a key for reading")


def as_it_is(message: bytes) -> bytes:
    return message


def methods() -> list[str]:
    """The path of every method that the server has, from the services' own descriptors."""
    pool = descriptor_pool.Default()
    services = map(pool.FindServiceByName, SERVICES)
    return sorted(f"/{service.full_name}/{method.name}" for service in services for method in service.methods)


def test_every_method_has_a_rule_and_every_rule_a_method() -> None:
    """Whoever adds a method decides what it needs; one forgotten fails here."""
    assert sorted(RULES) == methods()


class Guarded:
    """A server that asks for keys, and callers with all kinds of credentials."""

    def __init__(self, folder: Path) -> None:
        path = folder / "keys.txt"
        retired = add_key(path, "retired")
        path.unlink()
        old, new = add_key(path, "feed-1"), add_key(path, "feed-2")
        reading = add_key(path, "feed-3", may_write=False)
        self.metadata: dict[str, tuple[tuple[str, str], ...]] = {
            "none": (),
            "empty": (("authorization", ""),),
            "another scheme": (("authorization", f"Basic {old}"),),
            "never made": (("authorization", "Bearer ps_" + "a" * 43),),
            "retired": (("authorization", f"Bearer {retired}"),),
            "another header": (("x-api-key", old),),
            "the old key": (("authorization", f"Bearer {old}"),),
            "the new key": (("authorization", f"Bearer {new}"),),
            "a key for reading": (("authorization", f"Bearer {reading}"),),
        }
        asked = settings(api_keys=path, reflection=True)
        self.server: RunningServer = wire_server(make_pins(), default_people().store(), asked)
        port = self.server.start(Ports(host="127.0.0.1", port=0, metrics_port=0))
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")

    def end(self) -> None:
        self.channel.close()
        self.server.stop(grace_s=1)

    def code(self, method: str, credential: str) -> grpc.StatusCode:
        """What a caller with an empty request meets first."""
        # To the wire a method of one answer is a stream of one.
        ask = self.channel.unary_stream(method, as_it_is, as_it_is)
        call = ask(b"", metadata=self.metadata[credential], timeout=HANG_S)
        try:
            next(call, None)
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
        call.cancel()
        return grpc.StatusCode.OK


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    guarded = Guarded(tmp_path_factory.mktemp("keys"))
    yield guarded
    guarded.end()


def refused(method: str, credential: str) -> grpc.StatusCode | None:
    """What a call is to be refused with."""
    if method in OPEN or credential in A_KEY:
        return None
    if credential in NO_KEY:
        return grpc.StatusCode.UNAUTHENTICATED
    return grpc.StatusCode.PERMISSION_DENIED if method in WRITING else None


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_each_method_with_each_credential(credential: str, guarded: Guarded) -> None:
    """Without a key in use nothing is answered but health, with one everything but what it may not write."""
    refusals = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
    codes = {method: guarded.code(method, credential) for method in methods()}
    seen = {method: code if code in refusals else None for method, code in codes.items()}

    assert seen == {method: refused(method, credential) for method in methods()}


def test_a_method_that_does_not_exist_is_no_way_round(guarded: Guarded) -> None:
    """Who has no key does not even learn which methods there are."""
    assert guarded.code(f"/{SERVICE}/DropAll", "none") is grpc.StatusCode.UNAUTHENTICATED
    assert guarded.code(f"/{SERVICE}/DropAll", "the new key") is grpc.StatusCode.UNIMPLEMENTED


def test_refused_calls_are_counted_and_told_what_to_send(guarded: Guarded) -> None:
    """As go-grpc-prometheus counts them; the answer repeats nothing of what was sent."""

    def refused() -> float:
        labels = {"grpc_method": "Recommend", "grpc_code": "Unauthenticated", "grpc_type": "unary"}
        labels["grpc_service"] = SERVICE
        return guarded.server.registry.get_sample_value("grpc_server_handled_total", labels) or 0

    before = refused()
    told = []
    for credential in ("none", "never made"):
        call = guarded.channel.unary_unary(f"/{SERVICE}/Recommend", as_it_is, as_it_is)
        with pytest.raises(grpc.RpcError) as error:
            call(b"", metadata=guarded.metadata[credential], timeout=HANG_S)
        told.append(error.value.details())

    assert refused() == before + 2
    assert told == [
        "this server wants an API key: send the header authorization: Bearer KEY",
        "the API key is not one of those in use",
    ]


def test_a_refused_call_takes_no_thread(tmp_path: Path) -> None:
    """Callers without a key cannot keep those with one waiting: nothing of theirs is read or queued."""
    guarded = Guarded(tmp_path)
    recommend = guarded.channel.unary_unary(f"/{SERVICE}/Recommend", as_it_is, as_it_is)
    at_once = [recommend.future(bytes(100_000), timeout=HANG_S) for _ in range(50)]
    codes = {call.code() for call in at_once}

    assert codes == {grpc.StatusCode.UNAUTHENTICATED}
    assert guarded.server.calls.in_flight == 0
    guarded.end()


def test_keys_are_compared_by_all_of_their_hash(guarded: Guarded) -> None:
    """The hash that stands in the file is not itself a key."""
    shown = guarded.metadata["the old key"][0][1].removeprefix("Bearer ")
    guarded.metadata["its hash"] = (
        ("authorization", f"Bearer {hashlib.sha256(shown.encode()).hexdigest()}"),
    )

    assert guarded.code(f"/{SERVICE}/GetPins", "its hash") is grpc.StatusCode.UNAUTHENTICATED
