"""`python -m benchmarks.serving.ceiling SIZE THREADS`: the least that a gRPC server in Python does.

A generic handler with identity codecs, no interceptors, no metrics; every answer is the same bytes.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

SERVICE, METHOD = "benchmark.Ceiling", "Answer"


def serve(answer: bytes, threads: int) -> None:
    """Print the port, and serve until killed."""

    def behaviour(_request: bytes, _context: grpc.ServicerContext) -> bytes:
        return answer

    handler = grpc.method_handlers_generic_handler(
        SERVICE, {METHOD: grpc.unary_unary_rpc_method_handler(behaviour)}
    )
    server = grpc.server(ThreadPoolExecutor(max_workers=threads), options=(("grpc.so_reuseport", 0),))
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    serve(bytes(int(sys.argv[1])), int(sys.argv[2]))
