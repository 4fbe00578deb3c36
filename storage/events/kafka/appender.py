"""Appends to a topic of a Kafka; what is acknowledged is on all replicas that are in sync."""

from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, Message, Producer

from storage.errors import StreamUnavailableError
from storage.events.address import KafkaAddress
from storage.events.kafka.client import as_stream_error, configuration, plainly, require_topic
from storage.events.records import Record, encode

_QUEUE_WAIT_S = 0.1


class KafkaAppender:
    """Produces messages keyed by user (an EventAppender).

    Args:
        address: The topic.

    Raises:
        StreamUnavailableError: No broker answers, or there is no such topic.
    """

    def __init__(self, address: KafkaAddress) -> None:
        self._address = address
        with plainly(address):
            self._producer = Producer(
                configuration(address)
                | {
                    "acks": "all",
                    "enable.idempotence": True,
                    # As Java's producers do, so that a user stays in one partition whoever appends.
                    "partitioner": "murmur2_random",
                    "linger.ms": 2,
                    "delivery.timeout.ms": round(address.timeout_s * 1_000),
                }
            )
        require_topic(self._producer, address)

    def append(self, records: Sequence[Record]) -> None:
        """Append the records in order; when this returns all replicas in sync have them."""
        messages = [(record.user_id.encode(), encode(record)) for record in records]
        failures: list[KafkaError] = []

        def delivered(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                failures.append(error)

        with plainly(self._address):
            for key, value in messages:
                self._produce(key, value, delivered)
            n_left = self._producer.flush(2 * self._address.timeout_s)
        if failures:
            raise as_stream_error(self._address, failures[0])
        if n_left:
            raise StreamUnavailableError(
                f"{self._address}: {n_left:,} messages were not answered for in time"
            )

    def _produce(
        self, key: bytes, value: bytes, delivered: Callable[[KafkaError | None, Message], None]
    ) -> None:
        while True:
            try:
                return self._producer.produce(self._address.topic, value, key, on_delivery=delivered)
            except BufferError:
                # The library's queue is full: let some be answered for.
                self._producer.poll(_QUEUE_WAIT_S)

    def close(self) -> None:
        """Nothing is left to send, for each append waited; the library's threads end."""
        self._producer.purge()
        self._producer.close()
