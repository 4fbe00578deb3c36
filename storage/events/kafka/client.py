"""What a Kafka's producers and consumers have in common: how they connect, and what goes wrong."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

from storage.errors import StreamUnavailableError
from storage.events.address import PASSWORD_VARIABLE, USERNAME_VARIABLE, KafkaAddress

LOGGER = logging.getLogger("storage.events.kafka")

_REFUSALS = (
    KafkaError._AUTHENTICATION,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
)

Configuration = dict[str, object]


def configuration(address: KafkaAddress) -> Configuration:
    """How to connect, by librdkafka's names."""
    settings: Configuration = {
        "bootstrap.servers": ",".join(address.brokers),
        "client.id": "pinnersage",
        "socket.keepalive.enable": True,
        "logger": LOGGER,
        "security.protocol": ("SASL_" if address.username else "") + ("SSL" if address.tls else "PLAINTEXT"),
    }
    if address.ca_file:
        settings["ssl.ca.location"] = address.ca_file
    if address.username:
        settings |= {
            "sasl.mechanism": address.mechanism,
            "sasl.username": address.username,
            "sasl.password": address.password or "",
        }
    return settings


def require_topic(client: Producer | Consumer, address: KafkaAddress) -> None:
    """Refuse to begin where there is nothing to read or to append to.

    Raises:
        StreamUnavailableError: No broker answers, or there is no such topic.
    """
    with plainly(address):
        topic = client.list_topics(address.topic, timeout=address.timeout_s).topics[address.topic]
    if topic.error is not None:
        raise as_stream_error(address, topic.error)


@contextmanager
def plainly(address: KafkaAddress) -> Iterator[None]:
    """Turn what the client raises into the stream's errors.

    Raises:
        StreamUnavailableError: Whatever it was.
    """
    try:
        yield
    except KafkaException as error:
        raise as_stream_error(address, error.args[0]) from error


def as_stream_error(address: KafkaAddress, error: KafkaError) -> StreamUnavailableError:
    """What the brokers, or the library, said, and what to do about it."""
    said = error.str()
    if error.code() in _REFUSALS:
        return StreamUnavailableError(
            f"{address} refuses us: {said}. Check {USERNAME_VARIABLE}, {PASSWORD_VARIABLE} and the ACLs."
        )
    if error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):
        return StreamUnavailableError(
            f"{address}: there is no such topic. Create it, with as many partitions as it will ever have: "
            "a user's records stay in order only as long as that number stays."
        )
    return StreamUnavailableError(f"{address} cannot be used: {said}")
