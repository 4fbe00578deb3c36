"""Spark for tests: one session on two cores for all of them, where Spark is installed."""

import os
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

NEED_SPARK = ["test_cluster.py", "test_congruence.py", "test_failures.py", "test_forgotten.py"]

# A virtual machine that lives for seconds has no time to compile itself well.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")

# `make test-spark` has an environment with Spark; without it these cannot even be imported.
collect_ignore = [] if find_spec("pyspark") else NEED_SPARK


@pytest.fixture(scope="session")
def session() -> Iterator[Any]:
    """A session of this machine."""
    from profile_builder.spark.session import spark_session  # noqa: PLC0415 - see above

    with spark_session("local[2]") as spark:
        yield spark
