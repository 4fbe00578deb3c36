"""What one connection may do, as options of gRPC's server: every limit there is, in one place."""

from dataclasses import dataclass

from server.limits import LIMITS

# gRPC moves each connection's age by up to a tenth, so that they do not all end at once.
AGE_JITTER = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """The policy of connections.

    Attributes:
        streams: Calls at a time on one connection; further ones wait at the caller's.
        max_age_s: After so long a connection takes no new calls, and its caller opens another one: so callers
            find new servers, and leave those that drain.
        age_grace_s: What calls under way have to finish then.
        keepalive_s: A caller that was silent for so long is asked whether it is there.
        keepalive_timeout_s: And has so long to answer.
        least_ping_s: Callers may ask the same this often.
    """

    streams: int = 64
    max_age_s: float = 30.0
    age_grace_s: float = 30.0
    keepalive_s: float = 60.0
    keepalive_timeout_s: float = 20.0
    least_ping_s: float = 10.0

    @property
    def all_left_s(self) -> float:
        """When every connection there is now will have been told to leave."""
        return AGE_JITTER * self.max_age_s

    def options(self) -> tuple[tuple[str, int], ...]:
        """As grpc.server takes them."""
        return (
            ("grpc.max_receive_message_length", LIMITS.request_bytes),
            # The same twice: between the two gRPC refuses by chance.
            ("grpc.max_metadata_size", LIMITS.metadata_bytes),
            ("grpc.absolute_max_metadata_size", LIMITS.metadata_bytes),
            ("grpc.max_concurrent_streams", self.streams),
            # It counts calls until they are freed: callers who keep to the limit would be refused.
            ("grpc.http.overload_protection", 0),
            ("grpc.max_connection_age_ms", _ms(self.max_age_s)),
            ("grpc.max_connection_age_grace_ms", _ms(self.age_grace_s)),
            ("grpc.keepalive_time_ms", _ms(self.keepalive_s)),
            ("grpc.keepalive_timeout_ms", _ms(self.keepalive_timeout_s)),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", _ms(self.least_ping_s)),
            # The port is this server's alone all the same: see server.ports.
            ("grpc.so_reuseport", 1),
        )


def _ms(seconds: float) -> int:
    return round(seconds * 1_000)
