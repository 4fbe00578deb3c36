"""A Kafka of librdkafka's own, in a process of its own: any client may ask it, and at its end all is gone."""

import ctypes
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import confluent_kafka

_PRODUCER = 0
_ERROR_BYTES = 512


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
    print(_listening(_library()), flush=True)
    sys.stdin.read()


def _listening(library: ctypes.CDLL) -> str:
    """Start a broker that makes a group's first member wait for no other; it listens here.

    The client's own option for such brokers (test.mock.num.brokers) leaves them that wait of three seconds,
    in every test.
    """
    text = ctypes.create_string_buffer(_ERROR_BYTES)
    owner = library.rd_kafka_new(_PRODUCER, None, text, _ERROR_BYTES)
    if not owner:
        sys.exit(text.value.decode())
    cluster = library.rd_kafka_mock_cluster_new(owner, 1)
    library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0)
    listening: bytes = library.rd_kafka_mock_cluster_bootstraps(cluster)
    return listening.decode()


def _library() -> ctypes.CDLL:
    """What confluent_kafka itself calls, with the types of the few functions that it has no name for."""
    beside = Path(confluent_kafka.__file__).parent.with_name("confluent_kafka.libs")
    library = ctypes.CDLL(str(next(beside.glob("librdkafka*"))))
    library.rd_kafka_new.restype = ctypes.c_void_p
    library.rd_kafka_new.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t)
    library.rd_kafka_mock_cluster_new.restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_new.argtypes = (ctypes.c_void_p, ctypes.c_int)
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    library.rd_kafka_mock_cluster_bootstraps.argtypes = (ctypes.c_void_p,)
    library.rd_kafka_mock_group_initial_rebalance_delay_ms.argtypes = (ctypes.c_void_p, ctypes.c_int32)
    return library


if __name__ == "__main__":
    main()
