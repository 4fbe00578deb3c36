"""Brokers of librdkafka's own: they live in this process, speak to any client, and forget all at its end."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import confluent_kafka

_PRODUCER = 0
_ERROR_BYTES = 512


@contextmanager
def brokers() -> Iterator[str]:
    """HOST:PORT of a broker that makes topics when asked, and makes a group's first member wait for no other.

    The client's own option for such brokers (test.mock.num.brokers) leaves them that wait, in every test.
    """
    library = _library()
    text = ctypes.create_string_buffer(_ERROR_BYTES)
    owner = library.rd_kafka_new(_PRODUCER, None, text, _ERROR_BYTES)
    assert owner, text.value
    cluster = library.rd_kafka_mock_cluster_new(owner, 1)
    library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0)
    yield library.rd_kafka_mock_cluster_bootstraps(cluster).decode()
    library.rd_kafka_mock_cluster_destroy(cluster)
    library.rd_kafka_destroy(owner)


def _library() -> ctypes.CDLL:
    beside = Path(confluent_kafka.__file__).parent.with_name("confluent_kafka.libs")
    library = ctypes.CDLL(str(next(beside.glob("librdkafka*"))))
    library.rd_kafka_new.restype = ctypes.c_void_p
    library.rd_kafka_new.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t)
    library.rd_kafka_destroy.argtypes = (ctypes.c_void_p,)
    library.rd_kafka_mock_cluster_new.restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_new.argtypes = (ctypes.c_void_p, ctypes.c_int)
    library.rd_kafka_mock_cluster_destroy.argtypes = (ctypes.c_void_p,)
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    library.rd_kafka_mock_cluster_bootstraps.argtypes = (ctypes.c_void_p,)
    library.rd_kafka_mock_group_initial_rebalance_delay_ms.argtypes = (ctypes.c_void_p, ctypes.c_int32)
    return library
