"""RELIABILITY 20 and 21: certificates and keys follow one another, and nobody who has them loses a call."""

import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import grpc
import pytest

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server.api_keys import add_key
from storage.syncing import replace_text
from tests.reliability.served_world import USERS, publish_pins, publish_profiles
from tests.reliability.servers import Load, Server, going_on, serving
from tests.reliability.shares import seeds
from tests.server.certificates import Authority, Pair
from tests.waiting import HANG_S

pytestmark = pytest.mark.reliability

REFUSED = "certificates refused, the last good stay in use"
DENIED = grpc.StatusCode.UNAUTHENTICATED
_CALLERS = 3


class Guarded:
    """A server with TLS and API keys, and what its callers need.

    Args:
        folder: Its files.
    """

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.pairs = [self.authority.sign("even"), self.authority.sign("odd")]
        self.used = self.pairs[0].copied(folder / "used")
        self.keys = folder / "keys.txt"
        self.key = add_key(self.keys, "stays")
        self.flags = (
            "--tls-cert",
            self.used.certificate,
            "--tls-key",
            self.used.key,
            "--api-keys",
            self.keys,
        )

    def shown_with(self, key: str) -> grpc.ChannelCredentials:
        """What a caller with a key connects with."""
        trusting = grpc.ssl_channel_credentials(self.authority.certificate)
        return grpc.composite_channel_credentials(trusting, grpc.access_token_call_credentials(key))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Guarded:
    return Guarded(tmp_path_factory.mktemp("credentials"))


@pytest.fixture(scope="module")
def server(guarded: Guarded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("world")
    publish_pins(folder / "pins", "old")
    publish_profiles(folder / "profiles", "old")
    with serving(folder, "--port", "0", "--drain-s", "0", *map(str, guarded.flags)) as running:
        running.wait_for("serving")
        yield running
        assert running.end() == 0


@contextmanager
def calling(server: Server, guarded: Guarded, *, stay: bool) -> Iterator[Load]:
    """Calls by several callers, each on a new connection, or all on their first."""
    load, address = Load(), server.address
    options = [("grpc.use_local_subchannel_pool", 1)]

    def call(caller: int, done: threading.Event) -> None:
        at = caller
        while not done.is_set():
            with grpc.secure_channel(address, guarded.shown_with(guarded.key), options) as channel:
                stub = RecommenderStub(channel)
                load.call(stub, at)
                while stay and not done.is_set():
                    load.call(stub, at)
            at += _CALLERS

    with going_on(partial(call, caller) for caller in range(_CALLERS)):
        yield load


def met_at(server: Server) -> bytes:
    """The certificate that a new connection meets, PEM."""
    host, _, port = server.address.rpartition(":")
    return ssl.get_server_certificate((host, int(port))).strip().encode()


def test_renewed_certificates_cost_nobody_a_call(
    server: Server, guarded: Guarded, tally: Counter[tuple[str, ...]]
) -> None:
    """Who connects meets the new one, who is connected stays; a pair that does not fit is refused."""
    pairs, used = guarded.pairs, guarded.used
    with calling(server, guarded, stay=False) as new, calling(server, guarded, stay=True) as old:
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


def codes_with(server: Server, guarded: Guarded, key: str) -> Counter[grpc.StatusCode]:
    """What came of a few calls with an API key."""
    codes: Counter[grpc.StatusCode] = Counter()
    with grpc.secure_channel(server.address, guarded.shown_with(key)) as channel:
        for user in USERS[:5]:
            request = pb.RecommendRequest(user_id=user)
            codes[RecommenderStub(channel).Recommend.future(request, HANG_S).code()] += 1
    return codes


def test_keys_that_follow_one_another_cost_nobody_a_call(
    server: Server, guarded: Guarded, tally: Counter[tuple[str, ...]]
) -> None:
    """Two live at once; when the old one's line is gone, so is its caller, and nobody else."""
    all_answered, all_refused = {grpc.StatusCode.OK: 5}, {DENIED: 5}

    def renew(change: Callable[[], str]) -> str:
        n_renewed = len(server.events("API keys renewed"))
        changed = change()
        server.wait_for("API keys renewed", n_renewed + 1)
        return changed

    def retire(name: str) -> str:
        left = [line for line in guarded.keys.read_text().splitlines() if not line.startswith(f"{name} ")]
        # At once, as the command does: a list cut short is a list, too.
        replace_text(guarded.keys, "\n".join(left))
        return name

    old = renew(partial(add_key, guarded.keys, "key-0"))
    for turn in seeds(20):
        new = renew(partial(add_key, guarded.keys, f"key-{turn + 1}"))
        assert codes_with(server, guarded, old) == codes_with(server, guarded, new) == all_answered

        renew(partial(retire, f"key-{turn}"))
        assert codes_with(server, guarded, old) == all_refused
        assert codes_with(server, guarded, new) == all_answered
        old = new
        tally["key", "followed"] += 1
