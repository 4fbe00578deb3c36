"""A Valkey, and a Kafka of librdkafka's own, for all tests of a process."""

from collections.abc import Iterator

import pytest

from tests.storage.events.brokers import brokers
from tests.storage.profiles.valkeys import Valkey


@pytest.fixture(scope="session")
def valkey_port() -> Iterator[int]:
    server = Valkey()
    yield server.port
    server.stop()


@pytest.fixture(scope="session")
def mock_kafka() -> Iterator[str]:
    with brokers() as started:
        yield started
