"""Policies that cannot be are refused where they are written."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pinnersage.client import Client, ConfigurationError, Retries, Timeout
from pinnersage.client._channel import service_config
from pinnersage.client.testing import FakeRecommender


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1:50051",
        "recommender:1",
        "recommender:65535",
        "[::1]:50051",
        "dns:///recommender:50051",
        "dns:///recommender",
        "ipv4:10.0.0.1:50051,10.0.0.2:50051",
        "ipv6:[::1]:50051",
        "unix:/run/pinnersage.sock",
        "unix:/run/meine Dienste/müsli.sock",
    ],
)
def test_a_servers_address(target: str) -> None:
    """HOST:PORT, or a target in one of gRPC's schemes."""
    Client(target).close()


@pytest.mark.parametrize(
    "target",
    [
        "",
        "localhost",
        "localhost:",
        ":50051",
        "localhost:http",
        "localhost:0",
        "localhost:-1",
        "localhost:65536",
        "localhost:٥٠",
        "::1:50051",
        "http://localhost:50051",
        "local host:50051",
        "müsli:50051",
        "\udcff:50051",
        "dns:",
        "dns:///",
        "dns:///a\n",
        "unix:",
        "ipv4:10.0.0.1",
        "ipv4:10.0.0.1:50051,10.0.0.2",
    ],
)
def test_what_grpc_would_take_for_something_else(target: str) -> None:
    """Left alone it would dial another port, or look up a name that nobody meant."""
    with pytest.raises(ConfigurationError, match="write HOST:PORT") as caught:
        Client(target)
    assert repr(target) in str(caught.value)


@pytest.mark.parametrize("key", ["", "two\nlines", "schlüssel"])
def test_an_api_key_that_cannot_be_sent(key: str) -> None:
    """The message does not repeat the secret."""
    with pytest.raises(ConfigurationError, match="api_key must be printable ASCII") as caught:
        Client(api_key=key)
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_a_timeout_that_cannot_be(seconds: float) -> None:
    """There is always a deadline."""
    with pytest.raises(ConfigurationError, match=r"call_s must be 0\.001 to 86400"):
        Timeout(call_s=seconds)
    with pytest.raises(ConfigurationError, match=r"batch_s must be 0\.001 to 86400"):
        Timeout(batch_s=seconds)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf"), "2"])
def test_a_calls_own_timeout_that_cannot_be(client: Client, fake: FakeRecommender, seconds: float) -> None:
    """It is not taken for a deadline that has passed, and nothing is sent."""
    asked: list[Callable[[], object]] = [
        lambda: client.recommend("ann", timeout_s=seconds),
        lambda: client.recommend_batch(["ann"], timeout_s=seconds),
        lambda: client.health(timeout_s=seconds),
    ]
    for ask in asked:
        with pytest.raises(ConfigurationError, match=r"timeout_s must be 0\.001 to 86400, not "):
            ask()
    assert fake.calls == ()


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"max_attempts": 0}, "max_attempts must be a whole number, 1 to 5, not 0"),
        ({"max_attempts": 6}, "max_attempts must be a whole number, 1 to 5, not 6"),
        ({"max_attempts": 3.0}, r"max_attempts must be a whole number, 1 to 5, not 3\.0"),
        ({"initial_backoff_s": 0.001}, "initial_backoff_s must be 0.01 to 60, not 0.001"),
        ({"initial_backoff_s": 0.5, "max_backoff_s": 0.4}, "max_backoff_s must be 0.5 to 60, not 0.4"),
        ({"backoff_multiplier": 0.5}, "backoff_multiplier must be 1 to 10, not 0.5"),
        ({"budget_share": 0.0}, "budget_share must be 0.001 to 1, not 0.0"),
        ({"budget_reserve": 0}, "budget_reserve must be a whole number, 1 to 500, not 0"),
        ({"budget_reserve": 2.5}, r"budget_reserve must be a whole number, 1 to 500, not 2\.5"),
        ({"backoff_multiplier": "2"}, "backoff_multiplier must be 1 to 10, not '2'"),
    ],
)
def test_a_retry_policy_that_cannot_be(policy: dict[str, Any], message: str) -> None:
    """What gRPC would refuse, change in silence or hang on."""
    with pytest.raises(ConfigurationError, match=message):
        Retries(**policy)


def test_the_default_timeouts() -> None:
    """Callers rely on them: 2 s, a batch 60 s."""
    assert Timeout() == Timeout(call_s=2.0, batch_s=60.0)


def test_the_service_config_of_the_default_policy() -> None:
    """Round robin; UNAVAILABLE only; the upper half of the tokens is the reserve."""
    assert json.loads(service_config(Retries())) == {
        "loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [
            {
                "name": [{"service": "pinnersage.v1.Recommender"}],
                "retryPolicy": {
                    "maxAttempts": 3,
                    "initialBackoff": "0.050s",
                    "maxBackoff": "1.000s",
                    "backoffMultiplier": 2.0,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ],
        "retryThrottling": {"maxTokens": 20, "tokenRatio": 0.1},
    }


def test_other_clients_are_told_the_same_policy() -> None:
    """What the documentation gives them to copy spends as little on retries as our own."""
    serving = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```json\n(.*?)```", serving, re.DOTALL)
    ours = json.loads(service_config(Retries()))

    assert json.loads(shown)["retryThrottling"] == ours["retryThrottling"]
    (theirs,) = json.loads(shown)["methodConfig"]
    policy = ours["methodConfig"][0]["retryPolicy"] | {"maxBackoff": "1s"}
    assert theirs == ours["methodConfig"][0] | {"retryPolicy": policy}


def test_a_single_attempt_leaves_no_retry_policy() -> None:
    """GRPC has no policy of one attempt."""
    assert json.loads(service_config(Retries(max_attempts=1))) == {
        "loadBalancingConfig": [{"round_robin": {}}]
    }
