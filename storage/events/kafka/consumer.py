"""Reads a topic of a Kafka as one of a group; offsets are committed by hand, of what is still its own."""

import time
from collections.abc import Mapping

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from storage.errors import PartitionLostError, StreamUnavailableError
from storage.events.address import KafkaAddress
from storage.events.decoding import DEFAULT_LIMITS, Clock, Entry, EventLimits, gather
from storage.events.kafka.client import as_stream_error, configuration, plainly, require_topic
from storage.events.stream import Batch, Lag, Resume, as_committed

_QUEUED_KB = 16_384
# Heard of at least three times a session, as Kafka advises; the library's own interval where that is shorter.
_HEARTBEATS, _HEARTBEAT_S = 3, 3.0

_LOST = (
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError._ASSIGNMENT_LOST,
    KafkaError._MAX_POLL_EXCEEDED,
)
# The library goes on by itself after these.
_PASSING = (KafkaError._TRANSPORT, KafkaError._RESOLVE, KafkaError._MAX_POLL_EXCEEDED)


class KafkaConsumer:
    """Reads a topic with a consumer group (an EventConsumer); its partitions are named by their numbers.

    Args:
        address: The topic and the group.
        resume: Where to go on in a partition just assigned.
        limits: What is taken.
        now: The clock.

    Raises:
        StreamUnavailableError: No broker answers, or there is no such topic.
    """

    def __init__(
        self,
        address: KafkaAddress,
        *,
        resume: Resume = as_committed,
        limits: EventLimits = DEFAULT_LIMITS,
        now: Clock = time.time,
    ) -> None:
        self._address, self._resume, self._limits, self._now = address, resume, limits, now
        # Of the partitions that are ours: after what was read since they became so; None: nothing yet.
        self._read_to: dict[str, int | None] = {}
        # And where the group goes on in them, of those where we said so since.
        self._committed_to: dict[str, int] = {}
        self._failure: KafkaError | None = None
        with plainly(address):
            self._consumer = Consumer(
                configuration(address)
                | {
                    "group.id": address.group,
                    "enable.auto.commit": False,
                    "enable.auto.offset.store": False,
                    # A group's first reader begins with the oldest, as one does whose place was deleted.
                    "auto.offset.reset": "earliest",
                    "isolation.level": "read_committed",
                    "session.timeout.ms": round(address.session_s * 1_000),
                    "heartbeat.interval.ms": round(
                        1_000 * min(_HEARTBEAT_S, address.session_s / _HEARTBEATS)
                    ),
                    "queued.max.messages.kbytes": _QUEUED_KB,
                    "error_cb": self._note,
                }
            )
        require_topic(self._consumer, address)
        with plainly(address):
            self._consumer.subscribe(
                [address.topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
            )

    def read(self, max_records: int, timeout_s: float) -> Batch:
        """The next records of the partitions that are ours."""
        with plainly(self._address):
            # One waits, the others are taken as they are: `consume` alone would wait until it has all.
            first = self._consumer.poll(timeout_s)
            messages = [] if first is None else [first]
        if messages and max_records > 1:
            held = self._read_to
            others = self._at_hand(max_records - 1)
            # Taken anew amid this read: the first comes again.
            messages = messages + others if self._read_to is held else others
        return self._batch(messages)

    def commit(self, positions: Mapping[str, str]) -> None:
        """The group goes on from here; returns when the brokers have it."""
        ours = {each: int(at) for each, at in positions.items() if self._has_read(each, int(at))}
        lost = list(positions.keys() - ours)
        with plainly(self._address):
            answered = self._commit(ours)
        for each in answered:
            if each.error is None:
                self._committed_to[str(each.partition)] = each.offset
            elif each.error.code() in _LOST:
                lost.append(str(each.partition))
            else:
                raise as_stream_error(self._address, each.error)
        if lost:
            raise self._lost(", ".join(sorted(lost)))

    def lag(self) -> Lag:
        """How many messages of the partitions that are ours the group has not committed."""
        with plainly(self._address):
            return Lag(n_records=sum(self._behind(each) for each in self._places()))

    def close(self) -> None:
        """Leave the group, so that others have the partitions at once."""
        self._consumer.close()

    def _at_hand(self, max_messages: int) -> list[Message]:
        try:
            return self._consumer.consume(max_messages, 0)
        except KafkaException as error:
            # What was taken before it must be given first.
            self._failure = error.args[0]
            return []

    def _batch(self, messages: list[Message]) -> Batch:
        entries: list[Entry] = []
        positions: dict[str, str] = {}
        for message in messages:
            partition, offset = str(message.partition()), message.offset()
            if message.error() is not None or offset is None:
                self._note(message.error())
                continue
            # Taken away in the middle of this read: whoever has the partition now reads the message.
            if partition not in self._read_to:
                continue
            entries.append(Entry(partition, str(offset), message.value()))
            self._read_to[partition] = offset + 1
            positions[partition] = str(offset + 1)
        if not entries and self._failure is not None:
            failure, self._failure = self._failure, None
            raise as_stream_error(self._address, failure)
        return gather(entries, positions, limits=self._limits, now_s=self._now())

    def _has_read(self, partition: str, offset: int) -> bool:
        # The brokers would take an offset of any partition from any member.
        read_to = self._read_to.get(partition)
        return read_to is not None and read_to >= offset

    def _commit(self, places: Mapping[str, int]) -> list[TopicPartition]:
        if not places:
            return []
        try:
            return self._consumer.commit(offsets=self._offsets(places), asynchronous=False) or []
        except KafkaException as error:
            if error.args[0].code() in _LOST:
                raise self._lost(", ".join(places)) from error
            raise

    def _offsets(self, places: Mapping[str, int]) -> list[TopicPartition]:
        return [
            TopicPartition(self._address.topic, int(partition), offset)
            for partition, offset in places.items()
        ]

    def _lost(self, partitions: str) -> PartitionLostError:
        return PartitionLostError(
            f"{self._address}: partition {partitions} is no longer read by this consumer of the group "
            f"{self._address.group}. What it did not commit is read again."
        )

    def _places(self) -> list[TopicPartition]:
        """Where the group goes on in each partition that is ours; of the unsaid ones the brokers know."""
        ours = [TopicPartition(self._address.topic, int(partition)) for partition in self._read_to]
        unsaid = [each for each in ours if str(each.partition) not in self._committed_to]
        said = self._offsets(self._committed_to)
        return said + (self._consumer.committed(unsaid, timeout=self._address.timeout_s) if unsaid else [])

    def _behind(self, committed: TopicPartition) -> int:
        low, high = self._consumer.get_watermark_offsets(
            TopicPartition(committed.topic, committed.partition), timeout=self._address.timeout_s
        )
        return high - max(committed.offset, low)

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        resumed = {each.partition: self._resume(str(each.partition)) for each in partitions}
        for each in partitions:
            position = resumed[each.partition]
            if position is not None:
                each.offset = self._offset(position)
        self._read_to = {str(each.partition): None for each in partitions}
        self._committed_to = {
            str(partition): int(position) for partition, position in resumed.items() if position is not None
        }
        consumer.assign(partitions)
        self._say_where_we_resumed(consumer)

    def _say_where_we_resumed(self, consumer: Consumer) -> None:
        """To others who look at the group: whoever had a partition may have ended before it could."""
        if self._committed_to:
            consumer.commit(offsets=self._offsets(self._committed_to), asynchronous=True)

    def _revoked(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self._read_to, self._committed_to = {}, {}

    def _offset(self, resumed: str) -> int:
        if not resumed.isdecimal():
            raise StreamUnavailableError(f"{resumed!r} is no position in {self._address}")
        return int(resumed) or OFFSET_BEGINNING

    def _note(self, error: KafkaError | None) -> None:
        """Keep what the library does not get over by itself; it calls this while we poll, too."""
        if error is not None and error.code() not in _PASSING and not error.retriable():
            self._failure = error
