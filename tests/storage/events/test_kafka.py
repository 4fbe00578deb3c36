"""What a Kafka adds to the contract: partitions by user, settings, brokers that are not there."""

import secrets

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from storage.errors import PartitionLostError, StreamUnavailableError
from storage.events.address import KafkaAddress
from storage.events.kafka.appender import KafkaAppender
from storage.events.kafka.client import configuration
from storage.events.kafka.consumer import KafkaConsumer
from tests.storage.events.streams import event, in_kafka, read_all
from tests.waiting import wait_until

# From the tests of Kafka's own clients: murmur2 of the key, made positive, modulo the 4 partitions here.
PARTITION_OF = {"21": 0, "foobar": 2, "a-little-bit-long-string": 0, "a-little-bit-longer-string": 3}


def test_a_user_is_where_every_other_client_looks(mock_kafka: str) -> None:
    """Events that a shop appends in Java and ours are in one partition: a user stays in order."""
    topic = f"t-{secrets.token_hex(4)}"
    appender = KafkaAppender(KafkaAddress(brokers=(mock_kafka,), topic=topic))
    appender.append([event(user, number) for number in range(3) for user in PARTITION_OF])
    appender.close()
    reader = Consumer({"bootstrap.servers": mock_kafka, "group.id": topic})
    reader.assign([TopicPartition(topic, number, 0) for number in range(4)])
    messages: list[Message] = []

    def read() -> bool:
        if (message := reader.poll(1)) is not None and message.error() is None:
            messages.append(message)
        return len(messages) == 12

    wait_until(read)
    reader.close()

    found = {(bytes(message.key() or b"").decode(), message.partition()) for message in messages}
    assert found == set(PARTITION_OF.items())


def test_no_broker_is_a_sentence() -> None:
    """Name and port are in it, a password is not."""
    address = KafkaAddress(
        brokers=("127.0.0.1:1",),
        topic="events",
        timeout_s=0.5,
        username="ann",
        password="geheim",  # noqa: S106 - not one
    )
    for end in (KafkaAppender, KafkaConsumer):
        with pytest.raises(
            StreamUnavailableError, match=r"kafka://127\.0\.0\.1:1/events cannot be used"
        ) as found:
            end(address)
        assert "geheim" not in str(found.value) + repr(address)


def test_a_batch_is_committed_up_to_its_own_end_only(mock_kafka: str) -> None:
    """What was read after it stays uncommitted: the offset is the batch's, not the reader's."""
    with in_kafka(mock_kafka) as stream:
        stream.appender.append([event("ann", number) for number in range(4)])
        consumer = stream.consume()
        _, second, *_ = read_all(consumer, 4, max_records=1)
        consumer.commit(second.positions)

        assert consumer.lag().n_records == 2
        consumer.close()


def test_a_partition_that_is_lost_takes_no_other_with_it(mock_kafka: str) -> None:
    """Partitions move one by one: what is still ours is committed, and is not behind for ever."""
    with in_kafka(mock_kafka) as stream:
        stream.appender.append([event("ann", number) for number in range(4)])
        consumer = stream.consume()
        last = read_all(consumer, 4)[-1]
        with pytest.raises(PartitionLostError, match="partition 99 is no longer read"):
            consumer.commit({**last.positions, "99": "7"})

        assert consumer.lag().n_records == 0
        consumer.close()


@pytest.mark.parametrize(
    ("tls", "username", "protocol"),
    [
        (False, None, "PLAINTEXT"),
        (True, None, "SSL"),
        (False, "ann", "SASL_PLAINTEXT"),
        (True, "ann", "SASL_SSL"),
    ],
)
def test_the_protocol_follows_from_what_is_given(tls: bool, username: str | None, protocol: str) -> None:
    """TLS or not, a user or none."""
    address = KafkaAddress(brokers=("k:1", "k:2"), topic="t", tls=tls, ca_file="ca.pem", username=username)
    settings = configuration(address)

    assert settings["security.protocol"] == protocol
    assert settings["bootstrap.servers"] == "k:1,k:2"
    assert settings["ssl.ca.location"] == "ca.pem"
    assert settings.get("sasl.username") == username


def test_a_resumed_position_that_is_none_is_refused(mock_kafka: str) -> None:
    """It is shown, with where it was meant to be."""
    with in_kafka(mock_kafka) as stream:
        stream.appender.append([event("ann", 0)])
        consumer = stream.consume(resume=lambda _partition: "12:0")
        with pytest.raises(StreamUnavailableError, match=r"'12:0' is no position in kafka://"):
            read_all(consumer, 1)
        consumer.close()
