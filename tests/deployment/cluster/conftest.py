"""A real API server for tests, where `make test-cluster` has built one."""

import os
from collections.abc import Iterator

import pytest

from tests.deployment.cluster.api import Api, api_server

# The others of the suite go without: it is built for ten minutes, and takes long to begin.
collect_ignore = [] if os.environ.get("PINNERSAGE_CLUSTER") else ["test_chart_on_cluster.py"]


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A cluster of no nodes, with the Prometheus operator's resources."""
    with api_server(tmp_path_factory.mktemp("cluster")) as running:
        running.learn_operator()
        yield running
