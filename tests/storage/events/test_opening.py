"""One URL opens a stream of any kind; a wrong one is a sentence without secrets."""

import sys
from pathlib import Path

import pytest

from storage.errors import StreamUnavailableError
from storage.events.address import FileAddress, KafkaAddress, RedisAddress, event_address
from storage.events.file.appender import FileAppender
from storage.events.opening import open_appender, open_consumer, shown

NOBODY: dict[str, str] = {}


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("events.jsonl", FileAddress(path=Path("events.jsonl"))),
        ("/data/a?b #100%.jsonl", FileAddress(path=Path("/data/a?b #100%.jsonl"))),
        (
            "file:/data/events.jsonl?group=online",
            FileAddress(path=Path("/data/events.jsonl"), group="online"),
        ),
        ("file:///data/a%20b.jsonl", FileAddress(path=Path("/data/a b.jsonl"))),
        ("redis://cache?stream=events", RedisAddress(host="cache", stream="events")),
        (
            "rediss://ann:pa%40ss@cache:7000/2?stream=e&group=g&maxlen=1000&lease_s=2.5&timeout_s=1&ca=ca.pem",
            RedisAddress(
                host="cache",
                port=7000,
                database=2,
                stream="e",
                group="g",
                max_length=1000,
                lease_s=2.5,
                timeout_s=1,
                tls=True,
                ca_file="ca.pem",
                username="ann",
                password="pa@ss",  # noqa: S106 - not one
            ),
        ),
        ("kafka://broker/events", KafkaAddress(brokers=("broker:9092",), topic="events")),
        (
            "kafka://ann:geheim@a:1,b/t.x?group=g&security=tls&mechanism=SCRAM-SHA-512&session_s=6",
            KafkaAddress(
                brokers=("a:1", "b:9092"),
                topic="t.x",
                group="g",
                session_s=6,
                tls=True,
                mechanism="SCRAM-SHA-512",
                username="ann",
                password="geheim",  # noqa: S106 - not one
            ),
        ),
    ],
)
def test_a_url_says_where_a_stream_is(url: str, address: object) -> None:
    """Every kind, with and without options."""
    assert event_address(url, NOBODY) == address


def test_who_we_are_may_come_from_the_environment() -> None:
    """Then no secret is in a command line; the URL wins where it names somebody."""
    known = {"PINNERSAGE_EVENTS_USERNAME": "ann", "PINNERSAGE_EVENTS_PASSWORD": "geheim"}
    redis, kafka = event_address("redis://h?stream=e", known), event_address("kafka://bob:x@h/t", known)

    assert isinstance(redis, RedisAddress)
    assert isinstance(kafka, KafkaAddress)
    assert (redis.username, redis.password) == ("ann", "geheim")
    assert (kafka.username, kafka.password) == ("bob", "x")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://host/events", "events at https://: there is no such stream"),
        ("file:", "the URL names no file"),
        ("file://host/events.jsonl", "the URL names no file"),
        ("file:/e.jsonl?group=a/b", "group is 1 to 100 letters"),
        ("redis://host", r"the URL names no stream; add \?stream=NAME"),
        ("redis://?stream=e", "the URL names no host"),
        ("redis://host/x?stream=e", "no database"),
        ("redis://host?stream=e&maxlen=0", "maxlen is a whole number, 1 or more, not '0'"),
        ("redis://host?stream=e&lease_s=nan", "lease_s is a number of seconds, not 'nan'"),
        ("redis://host?stream=e&topic=t", "there is no option 'topic' in the URL; there are stream, group"),
        ("redis://host?stream=e&group=", "the option group has no value"),
        ("redis://host:port?stream=e", "events at redis: "),
        ("kafka://host", "no topic; write kafka://HOST:PORT/TOPIC"),
        ("kafka:///topic", "the URL names no host"),
        ("kafka://host/t?security=ssl", "security is tls or none"),
        ("kafka://host/t?mechanism=GSSAPI", "mechanism is one of PLAIN, SCRAM-SHA-256"),
    ],
)
def test_a_wrong_url_is_a_sentence(url: str, message: str) -> None:
    """What is wrong, and what to write."""
    with pytest.raises(StreamUnavailableError, match=message):
        event_address(url, NOBODY)


@pytest.mark.parametrize(
    "url", ["redis://ann:geheim@h/x?stream=e", "kafka://ann:geheim@h", "s3://ann:geheim@h/events"]
)
def test_no_message_repeats_a_password(url: str) -> None:
    """A URL is given whole on a command line, and its error is logged."""
    with pytest.raises(StreamUnavailableError) as found:
        event_address(url, NOBODY)
    assert "geheim" not in str(found.value)


def test_what_is_shown_names_no_user() -> None:
    """Streams may be printed."""
    assert shown("redis://ann:geheim@h/1?stream=e") == "redis://h:6379/1?stream=e"
    assert shown("kafka://ann:geheim@h/t") == "kafka://h:9092/t"
    assert shown("e.jsonl") == "e.jsonl"


def test_a_path_opens_a_file(tmp_path: Path) -> None:
    """The embedded default."""
    appender, consumer = open_appender(str(tmp_path / "e.jsonl")), open_consumer(str(tmp_path / "e.jsonl"))

    assert isinstance(appender, FileAppender)
    assert consumer.read(1, 0).is_empty
    appender.close()
    consumer.close()


def test_kafka_without_its_client_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service's own lock does not hold it."""
    for name in [name for name in sys.modules if name.startswith("storage.events.kafka.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(
        StreamUnavailableError, match=r"kafka://h:9092/t: .* Install requirements-kafka\.lock"
    ):
        open_appender("kafka://h/t")
