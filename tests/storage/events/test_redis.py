"""What a Redis adds to the contract: leases, claims, trimmed streams, deleted groups, refusals."""

import secrets

import pytest
from redis import Redis

from storage.errors import EventStreamError, PartitionLostError, StreamUnavailableError
from storage.events.address import RedisAddress
from storage.events.redis.appender import RedisAppender
from storage.events.redis.consumer import RedisConsumer
from tests.storage.events.streams import NOW_S, event, read_all, records
from tests.waiting import HANG_S


@pytest.fixture
def address(valkey_port: int) -> RedisAddress:
    return RedisAddress(
        host="127.0.0.1",
        port=valkey_port,
        stream=f"e-{secrets.token_hex(4)}",
        lease_s=HANG_S,
        timeout_s=HANG_S,
    )


def append(address: RedisAddress, *numbers: int) -> None:
    appender = RedisAppender(address)
    appender.append([event("ann", number) for number in numbers])
    appender.close()


def end_lease(address: RedisAddress) -> None:
    """As time does, once whoever reads was not heard of for so long."""
    with Redis(port=address.port) as client:
        assert client.delete(f"{address.stream}:{address.group}:lease") == 1


def consumer_of(address: RedisAddress) -> RedisConsumer:
    return RedisConsumer(address, now=lambda: NOW_S)


def test_who_is_not_heard_of_is_followed_by_another(address: RedisAddress) -> None:
    """A consumer that hangs loses its lease: another claims what it had, and it can commit no more."""
    append(address, 0, 1, 2)
    first, second = consumer_of(address), consumer_of(address)
    had = first.read(2, 1)
    assert second.read(10, 0).is_empty

    end_lease(address)
    claimed = read_all(second, 3)
    assert records(claimed) == [event("ann", number) for number in range(3)]
    with pytest.raises(PartitionLostError, match=r"read again"):
        first.commit(had.positions)
    for batch in claimed:
        second.commit(batch.positions)
    assert second.lag().n_records == 0


def test_who_lost_the_lease_and_has_it_again_begins_where_the_group_is(address: RedisAddress) -> None:
    """Nothing of what it had is passed over, and nothing that others committed is read again."""
    append(address, 0, 1, 2)
    first = consumer_of(address)
    first.read(1, 1)
    end_lease(address)
    second = consumer_of(address)
    second.commit(read_all(second, 2, max_records=1)[-1].positions)
    second.close()

    assert records(read_all(first, 1)) == [event("ann", 2)]


def test_the_names_of_the_dead_are_tidied_away(address: RedisAddress) -> None:
    """A group does not gather the consumers of a year of restarts."""
    append(address, 0)
    for _ in range(3):
        consumer = consumer_of(address)
        consumer.read(1, 1)
        consumer.close()
    consumer = consumer_of(address)
    consumer.read(1, 1)

    with Redis(port=address.port) as client:
        assert len(client.xinfo_consumers(address.stream, address.group)) == 1


def test_what_was_trimmed_before_it_was_kept_is_told(address: RedisAddress) -> None:
    """A bound that is too small loses records, and the reader counts them."""
    append(address, 0, 1)
    first = consumer_of(address)
    first.read(2, 1)
    first.close()
    with Redis(port=address.port) as client:
        client.xtrim(address.stream, maxlen=1, approximate=False)
    consumer = consumer_of(address)
    batch = read_all(consumer, 2)[0]

    assert [each.reason for each in batch.rejected] == ["nothing is there"]
    assert batch.records == (event("ann", 1),)
    consumer.commit(batch.positions)
    assert consumer.lag().n_records == 0


def test_a_bounded_stream_stays_about_so_long(valkey_port: int) -> None:
    """`maxlen` trims with every append, in the steps of the server's own."""
    stream = f"e-{secrets.token_hex(4)}"
    append(RedisAddress(host="127.0.0.1", port=valkey_port, stream=stream, max_length=100), *range(1_000))
    with Redis(port=valkey_port) as client:
        assert 100 <= client.xlen(stream) < 300


def test_an_entry_without_the_field_is_rejected(address: RedisAddress) -> None:
    """Somebody else's entry in our stream."""
    with Redis(port=address.port) as client:
        client.xadd(address.stream, {"data": "{}"})
    batch = read_all(consumer_of(address), 1)[0]

    assert [each.reason for each in batch.rejected] == ["nothing is there"]


def test_a_deleted_stream_is_an_error_and_a_new_start_reads_on(address: RedisAddress) -> None:
    """Somebody emptied the database under a running consumer."""
    append(address, 0)
    consumer = consumer_of(address)
    consumer.read(1, 1)
    with Redis(port=address.port) as client:
        client.delete(address.stream)

    with pytest.raises(StreamUnavailableError, match=r"deleted\. Start again"):
        consumer.read(1, 0)
    append(address, 1)
    consumer.close()
    assert records(read_all(consumer_of(address), 1)) == [event("ann", 1)]


def test_a_key_of_another_kind_is_refused(address: RedisAddress) -> None:
    """The message names the key."""
    with Redis(port=address.port) as client:
        client.set(address.stream, "x")
    with pytest.raises(EventStreamError, match=rf"{address.stream}: this key holds something else"):
        append(address, 0)


def test_nobody_there_is_a_sentence() -> None:
    """Name and port are in it, a password is not."""
    address = RedisAddress(host="127.0.0.1", port=1, stream="e", username="ann", password="geheim")  # noqa: S106 - not one
    with pytest.raises(
        StreamUnavailableError, match=r"redis://127\.0\.0\.1:1/0\?stream=e cannot be used"
    ) as found:
        RedisAppender(address)
    assert "geheim" not in str(found.value) + repr(address)


def test_a_wrong_password_is_a_refusal(address: RedisAddress) -> None:
    """The person learns what to check."""
    wrong = RedisAddress(
        host="127.0.0.1",
        port=address.port,
        stream="e",
        username="ann",
        password="geheim",  # noqa: S106 - not one
    )
    with pytest.raises(StreamUnavailableError, match=r"refuses us: .* Check the user") as found:
        consumer_of(wrong)
    assert "geheim" not in str(found.value)
