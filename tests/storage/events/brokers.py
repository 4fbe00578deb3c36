"""A Kafka of librdkafka's own, in a process of its own: any client may ask it, and at its end all is gone."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Producer


@contextmanager
def brokers() -> Iterator[str]:
    """HOST:PORT of a broker that makes topics when asked."""
    command = [sys.executable, "-m", "tests.storage.events.brokers"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


def main() -> None:
    """Say where the broker listens, and be one until nobody holds the other end of standard input."""
    owner = Producer({"test.mock.num.brokers": 1})
    (broker,) = owner.list_topics(timeout=30).brokers.values()
    print(f"{broker.host}:{broker.port}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
