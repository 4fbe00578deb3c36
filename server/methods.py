"""The service's methods by name, each with the threads that answer it."""

import grpc

from server.calls import answer_streaming, answer_unary
from server.metrics import Metrics
from server.metrics_calls import MethodMetrics
from server.metrics_catalogue import SERVICE
from server.servicer import Servicer
from server.side_threads import Threads, in_threads


def method_handlers(
    servicer: Servicer, metrics: Metrics, batches: Threads, records: Threads
) -> grpc.GenericRpcHandler:
    """The methods. Requests are bytes still, and answers are already: both are made where errors are handled.

    Args:
        servicer: Answers.
        metrics: Counts the calls.
        batches: Threads of RecommendBatch, whose answers take long and wait for their reader.
        records: Threads of RecordAction, which waits for the event stream.
    """

    def of(name: str) -> MethodMetrics:
        return MethodMetrics(metrics, name)

    record = answer_unary(servicer.record_action, of("RecordAction"))
    batch = answer_streaming(servicer.recommend_batch, of("RecommendBatch"))
    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            "Recommend": grpc.unary_unary_rpc_method_handler(
                answer_unary(servicer.recommend, of("Recommend"))
            ),
            "RecommendForPins": grpc.unary_unary_rpc_method_handler(
                answer_unary(servicer.recommend_for_pins, of("RecommendForPins"))
            ),
            "RecommendBatch": grpc.unary_stream_rpc_method_handler(in_threads(batch, batches)),
            "SimilarPins": grpc.unary_unary_rpc_method_handler(
                answer_unary(servicer.similar_pins, of("SimilarPins"))
            ),
            "GetProfile": grpc.unary_unary_rpc_method_handler(
                answer_unary(servicer.get_profile, of("GetProfile"))
            ),
            "GetPins": grpc.unary_unary_rpc_method_handler(answer_unary(servicer.get_pins, of("GetPins"))),
            "RecordAction": grpc.unary_unary_rpc_method_handler(in_threads(record, records)),
        },
    )
