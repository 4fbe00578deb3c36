"""Health in the clear, on a port of its own where nothing else answers: Kubernetes' probes speak no TLS."""

import time

import grpc
from grpc_health.v1 import health, health_pb2_grpc

from server.errors import StartError
from server.ports import address_of
from server.side_threads import SideThreads

# What a probe has in hand is next to nothing; whoever holds many connections holds back probes alone.
_OPTIONS = (("grpc.max_concurrent_streams", 8), ("grpc.max_receive_message_length", 1_024))


class HealthPort:
    """Says on another port what the service's own port says of health; begins and ends with the server.

    Args:
        host: An address or a name.
        port: The workers of one server share it.
        servicer: Of the service's own port, so that both say the same at any time.

    Raises:
        StartError: The port is in use, or the address does not exist.
    """

    def __init__(self, host: str, port: int, servicer: health.HealthServicer) -> None:
        self._server = grpc.server(SideThreads(1, "health-port"), options=_OPTIONS)
        health_pb2_grpc.add_HealthServicer_to_server(servicer, self._server)
        try:
            self._server.add_insecure_port(address_of(host, port))
        except RuntimeError as error:
            raise StartError(
                f"cannot answer for health on {address_of(host, port)}: the port is in use or the address is "
                "not this machine's. Choose another with --health-port (PINNERSAGE_HEALTH_PORT)."
            ) from error

    def start(self) -> None:
        """Begin."""
        self._server.start()

    def stop(self, by_s: float) -> bool:
        """End; says whether it has by a moment of the monotonic clock."""
        try:
            # Never without a grace: None would wait here, for as long as gRPC's own thread takes.
            has_ended = self._server.stop(0)
        except RuntimeError:
            # The system refused the thread that cuts a probe that is being answered.
            return False
        return has_ended.wait(max(0.0, by_s - time.monotonic()))
