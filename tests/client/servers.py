"""Real in-process gRPC servers that do what a test wants of them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from socket import socket
from typing import Any

import grpc

from pinnersage.client import Timeout
from pinnersage.v1 import recommender_pb2 as pb
from tests.waiting import HANG_S

# Of a client whose calls are to be answered, however late this machine comes to it.
PATIENT = Timeout(call_s=HANG_S, batch_s=HANG_S)

Recommend = Callable[[pb.RecommendRequest, grpc.ServicerContext], pb.RecommendResponse]
RecommendBatch = Callable[
    [pb.RecommendBatchRequest, grpc.ServicerContext], Iterator[pb.RecommendBatchResponse]
]

GetPins = Callable[[pb.GetPinsRequest, grpc.ServicerContext], pb.GetPinsResponse]


@contextmanager
def serving(
    *,
    recommend: Recommend | None = None,
    recommend_batch: RecommendBatch | None = None,
    get_pins: GetPins | None = None,
) -> Iterator[str]:
    """The address of a server with only the methods given."""
    methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
    if recommend is not None:
        methods["Recommend"] = grpc.unary_unary_rpc_method_handler(
            recommend, pb.RecommendRequest.FromString, pb.RecommendResponse.SerializeToString
        )
    if recommend_batch is not None:
        methods["RecommendBatch"] = grpc.unary_stream_rpc_method_handler(
            recommend_batch, pb.RecommendBatchRequest.FromString, pb.RecommendBatchResponse.SerializeToString
        )
    if get_pins is not None:
        methods["GetPins"] = grpc.unary_unary_rpc_method_handler(
            get_pins, pb.GetPinsRequest.FromString, pb.GetPinsResponse.SerializeToString
        )
    handler = grpc.method_handlers_generic_handler("pinnersage.v1.Recommender", methods)
    with ThreadPoolExecutor(max_workers=4) as threads:
        server = grpc.server(threads, handlers=[handler])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(grace=None).wait()


@contextmanager
def nobody() -> Iterator[str]:
    """An address where no server listens."""
    with socket() as bound:
        # Bound and not listening: nobody else gets the port, and connections are refused.
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"
