"""gRPC server reflection that finds methods too, so that ghz needs no proto files, as grpcurl needs none."""

from typing import Any

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from server.side_threads import SideThreads, in_threads

# A stream of reflection holds its thread for as long as the caller likes, and a tool of one person holds one.
THREADS = 8


def enable_reflection(server: grpc.Server, *services: str) -> None:
    """Let callers list and describe these services, health and reflection itself."""
    names = (*services, health.SERVICE_NAME, reflection.SERVICE_NAME)
    servicer = reflection.ReflectionServicer(names, pool=_PoolWithMethods())
    threads = SideThreads(THREADS, "reflection")
    servicer.ServerReflectionInfo = in_threads(servicer.ServerReflectionInfo, threads)
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, server)


class _PoolWithMethods:
    """The default pool of descriptors. Its own look-up knows types and services; ghz asks for a method."""

    def __init__(self) -> None:
        self._pool = descriptor_pool.Default()

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802 - protobuf's name
        """The file of a type, a service or a method; KeyError when there is none."""
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            service, _, method = symbol.rpartition(".")
            return self._pool.FindServiceByName(service).methods_by_name[method].containing_service.file

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - everything else is the pool's own
        return getattr(self._pool, name)
