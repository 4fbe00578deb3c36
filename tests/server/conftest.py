"""A real gRPC server on a free loopback port, over the test world in memory."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server.bootstrap import wire_server
from server.ports import Ports
from server.request_ids import REQUEST_ID_KEY
from server.settings import Fallback, MergePolicy, ServerSettings
from storage.pins.port import Pins
from storage.profiles.store import ProfileReader
from tests.server.world import default_people, make_pins

IN_MEMORY = Path("in-memory")

Serve = Callable[..., RecommenderStub]


def request_id_of(refusal: grpc.RpcError) -> str:
    """The request id that an error carries in its trailing metadata."""
    assert isinstance(refusal, grpc.Call)
    return next(str(value) for key, value in refusal.trailing_metadata() if key == REQUEST_ID_KEY)


def settings(**changes: Any) -> ServerSettings:
    """Settings for a server of parts in memory; the folders are never opened."""
    values: dict[str, Any] = {
        "pins": IN_MEMORY,
        "profiles": "in-memory",
        "port": 0,
        "metrics_port": 0,
    }
    return ServerSettings(**(values | changes))


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server of the parts given (default: the test world) and return a stub; ends them all after."""
    running, channels = [], []

    def start(
        pins: Pins | None = None,
        profiles: ProfileReader | None = None,
        *,
        fallback: Fallback = Fallback.NONE,
        merge_policy: MergePolicy = MergePolicy.INTERLEAVED,
        threads: int = 4,
        root: Path = IN_MEMORY,
        variants: Path | None = None,
        events: str | None = None,
    ) -> RecommenderStub:
        server = wire_server(
            pins or make_pins(),
            profiles or default_people().store(),
            settings(
                pins=root,
                fallback=fallback,
                merge_policy=merge_policy,
                threads=threads,
                variants=variants,
                events=events,
            ),
        )
        port = server.start(Ports(host="127.0.0.1", port=0, metrics_port=0))
        channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        running.append(server)
        channels.append(channel)
        return RecommenderStub(channel)

    yield start
    for channel in channels:
        channel.close()
    for server in running:
        server.stop(grace_s=1)


@pytest.fixture
def stub(serve: Serve) -> RecommenderStub:
    """A stub of a server over the test world."""
    return serve()
