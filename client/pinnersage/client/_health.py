"""The standard gRPC health check, without a package for its two tiny messages."""

import enum

import grpc

METHOD = "/grpc.health.v1.Health/Check"

# An empty HealthCheckRequest asks about the server as a whole.
REQUEST = b""

# Field 1 of HealthCheckResponse, a varint.
_STATUS_TAG = 0x08


class HealthStatus(enum.Enum):
    """What the server says about itself."""

    UNKNOWN = 0
    SERVING = 1
    NOT_SERVING = 2
    SERVICE_UNKNOWN = 3

    @classmethod
    def _missing_(cls, value: object) -> "HealthStatus | None":
        return cls.UNKNOWN if isinstance(value, int) else None


def health_check(channel: grpc.Channel) -> "grpc.UnaryUnaryMultiCallable[bytes, HealthStatus]":
    """The call, from the request's bytes to the status."""
    return channel.unary_unary(METHOD, response_deserializer=decode_status)


def decode_status(reply: bytes) -> HealthStatus:
    """The status in a HealthCheckResponse; a zero is left out on the wire."""
    return HealthStatus(reply[1] if len(reply) > 1 and reply[0] == _STATUS_TAG else 0)
