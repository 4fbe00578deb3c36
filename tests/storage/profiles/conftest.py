"""One real Valkey for all tests of a process."""

from collections.abc import Iterator

import pytest

from tests.storage.profiles.valkeys import Valkey


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    server = Valkey()
    yield server
    server.stop()
