"""The gRPC channel of a client: load balancing, retries and their budget, in gRPC's own service config."""

import json

import grpc

from pinnersage.client._config import Retries
from pinnersage.client._version import __version__

_SERVICE = "pinnersage.v1.Recommender"

# gRPC's own limit is 4 MiB: a thousand long titles are more.
_LARGEST_ANSWER_BYTES = 64 * 1024 * 1024

# gRPC's own limit is two minutes: a client would miss a restarted server for as long.
_LONGEST_RECONNECT_PAUSE_MS = 2_000


def open_channel(
    target: str, *, retries: Retries, credentials: grpc.ChannelCredentials | None
) -> grpc.Channel:
    """A channel that connects at its first call; plain text unless credentials are given."""
    options = [
        ("grpc.service_config", service_config(retries)),
        ("grpc.primary_user_agent", f"pinnersage-client/{__version__}"),
        ("grpc.max_receive_message_length", _LARGEST_ANSWER_BYTES),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", _LONGEST_RECONNECT_PAUSE_MS),
    ]
    if credentials is None:
        return grpc.insecure_channel(target, options=options)
    return grpc.secure_channel(target, credentials, options=options)


def service_config(retries: Retries) -> str:
    """The service config, as JSON: round robin over all addresses, and the retries."""
    config: dict[str, object] = {"loadBalancingConfig": [{"round_robin": {}}]}
    if retries.max_attempts > 1:
        config["methodConfig"] = [{"name": [{"service": _SERVICE}], "retryPolicy": _retry_policy(retries)}]
        config["retryThrottling"] = _retry_throttling(retries)
    return json.dumps(config)


def _retry_policy(retries: Retries) -> dict[str, object]:
    return {
        "maxAttempts": retries.max_attempts,
        "initialBackoff": f"{retries.initial_backoff_s:.3f}s",
        "maxBackoff": f"{retries.max_backoff_s:.3f}s",
        "backoffMultiplier": retries.backoff_multiplier,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }


def _retry_throttling(retries: Retries) -> dict[str, object]:
    """The budget as gRPC's token bucket (gRFC A6).

    The bucket starts full. A failed attempt takes a token, an answered one gives `tokenRatio` back, and a
    retry is allowed while more than half of the tokens are left: the upper half is the reserve.
    """
    return {"maxTokens": 2 * retries.budget_reserve, "tokenRatio": round(retries.budget_share, 3)}
