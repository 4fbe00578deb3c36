"""RELIABILITY 20 and 21: certificates and keys follow one another, and nobody who has them loses a call."""

import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server.api_keys import add_key
from tests.reliability.served_world import USERS, publish_pins, publish_profiles
from tests.reliability.servers import HANG_S, Load, Server, serving
from tests.reliability.shares import seeds
from tests.server.certificates import Authority, Pair

pytestmark = pytest.mark.reliability

REFUSED = "certificates refused, the last good stay in use"
DENIED = grpc.StatusCode.UNAUTHENTICATED
_CALLERS = 3
_ALONE = ("--port", "0", "--drain-s", "0")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    publish_pins(folder / "pins", "old")
    publish_profiles(folder / "profiles", "old")
    return folder


@contextmanager
def reconnecting(server: Server, authority: Authority, *, stay: bool = False) -> Iterator[Load]:
    """Calls by several callers who trust an authority, each on a new connection, or all on their first."""
    load, done, address = Load(), threading.Event(), server.address
    trusting = grpc.ssl_channel_credentials(authority.certificate)
    options = [("grpc.use_local_subchannel_pool", 1)]

    def go_on(caller: int) -> None:
        at = caller
        while not done.is_set():
            with grpc.secure_channel(address, trusting, options) as channel:
                stub = RecommenderStub(channel)
                load.call(stub, at)
                while stay and not done.is_set():
                    load.call(stub, at)
            at += _CALLERS

    threads = [threading.Thread(target=go_on, args=(caller,)) for caller in range(_CALLERS)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        done.set()
        for thread in threads:
            thread.join(HANG_S)


def met_at(server: Server) -> bytes:
    """The certificate that a new connection meets, PEM."""
    host, _, port = server.address.rpartition(":")
    return ssl.get_server_certificate((host, int(port))).strip().encode()


def test_renewed_certificates_cost_nobody_a_call(
    world: Path, tmp_path: Path, tally: Counter[tuple[str, ...]]
) -> None:
    """Who connects meets the new one, who is connected stays; a pair that does not fit is refused."""
    authority = Authority(tmp_path)
    pairs = [authority.sign("even"), authority.sign("odd")]
    used = pairs[0].copied(tmp_path / "used")
    tls = ("--tls-cert", str(used.certificate), "--tls-key", str(used.key))
    with serving(world, *_ALONE, *tls) as server:
        with reconnecting(server, authority) as new, reconnecting(server, authority, stay=True) as old:
            for swap in seeds(20):
                n_renewed = len(server.events("certificates renewed"))
                used.replace(pairs[(swap + 1) % 2])
                server.wait_for("certificates renewed", n_renewed + 1)
                assert met_at(server) == pairs[(swap + 1) % 2].certificate.read_bytes().strip()
                for load in (new, old):
                    load.wait_for(10)
                tally["renewed", "served"] += 1

            before, n_refused = met_at(server), len(server.events(REFUSED))
            used.replace(Pair(pairs[0].certificate, pairs[1].key))
            refusals = server.wait_for(REFUSED, n_refused + 1)
            assert "the key is not the certificate's" in str(refusals[-1]["problem"])
            new.wait_for(20)
            assert met_at(server) == before
            tally["does not fit", "refused"] += 1
        assert (new.told, old.told) == (Counter(), Counter())
        assert server.end() == 0


def codes_with(server: Server, key: str) -> Counter[grpc.StatusCode]:
    """What came of a few calls with an API key."""
    codes: Counter[grpc.StatusCode] = Counter()
    with grpc.insecure_channel(server.address) as channel:
        stub, shown = RecommenderStub(channel), (("authorization", f"Bearer {key}"),)
        for user in USERS[:5]:
            call = stub.Recommend.future(pb.RecommendRequest(user_id=user), HANG_S, shown)
            codes[call.code()] += 1
    return codes


def test_keys_that_follow_one_another_cost_nobody_a_call(
    world: Path, tmp_path: Path, tally: Counter[tuple[str, ...]]
) -> None:
    """Two live at once; when the old one's line is gone, so is its caller, and nobody else."""
    path, all_answered, all_refused = tmp_path / "keys.txt", {grpc.StatusCode.OK: 5}, {DENIED: 5}
    old = add_key(path, "key-0")
    with serving(world, *_ALONE, "--api-keys", str(path)) as server:
        server.wait_for("serving")
        for turn in seeds(20):
            new = add_key(path, f"key-{turn + 1}")
            server.wait_for("API keys renewed", 2 * turn + 1)
            assert codes_with(server, old) == codes_with(server, new) == all_answered

            path.write_text(path.read_text().partition("\n")[2])
            server.wait_for("API keys renewed", 2 * turn + 2)
            assert (codes_with(server, old), codes_with(server, new)) == (all_refused, all_answered)
            old = new
            tally["key", "followed"] += 1
        assert server.end() == 0
