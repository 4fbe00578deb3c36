"""Where an event stream is, from one URL; who we are may come from variables instead.

PATH, or file:PATH[?group=NAME]
redis://[USER[:PASSWORD]@]HOST[:PORT][/DB]?stream=NAME[&OPTION=VALUE...], or rediss:// for TLS
    options: group, maxlen, lease_s, timeout_s, ca
kafka://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]...]/TOPIC[?OPTION=VALUE...]
    options: group, security, mechanism, session_s, timeout_s, ca
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from storage.errors import StreamUnavailableError

USERNAME_VARIABLE = "PINNERSAGE_EVENTS_USERNAME"
PASSWORD_VARIABLE = "PINNERSAGE_EVENTS_PASSWORD"  # noqa: S105 - its name

DEFAULT_GROUP = "pinnersage"
_NAME = re.compile(r"[\w.-]{1,100}")
_REDIS_PORT, _KAFKA_PORT = 6_379, 9_092
_LEASE_S, _SESSION_S = 10.0, 45.0
_REDIS_TIMEOUT_S, _KAFKA_TIMEOUT_S = 5.0, 10.0
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAddress:
    """A file of newline-JSON.

    Attributes:
        path: The file.
        group: The consumers' group.
    """

    path: Path
    group: str = DEFAULT_GROUP

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """A stream of a Redis or Valkey. As text it never names who we are.

    Attributes:
        host: Its name or address.
        port: Its port.
        database: Its number there.
        stream: The stream's key.
        group: The consumers' group.
        max_length: The stream is kept to about so many entries, read or not; None keeps all.
        lease_s: A consumer that has not been heard of for so long has lost the stream to another.
        timeout_s: The longest that a command may take to answer.
        tls: Whether to speak TLS; the certificate must then be good for the host.
        ca_file: Who may have signed that; default whom the system trusts.
        username: For ACL; None is the default user.
        password: Theirs.
    """

    host: str
    port: int = _REDIS_PORT
    database: int = 0
    stream: str
    group: str = DEFAULT_GROUP
    max_length: int | None = None
    lease_s: float = _LEASE_S
    timeout_s: float = _REDIS_TIMEOUT_S
    tls: bool = False
    ca_file: str | None = None
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        scheme = "rediss" if self.tls else "redis"
        return f"{scheme}://{self.host}:{self.port}/{self.database}?stream={self.stream}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaAddress:
    """A topic of a Kafka. As text it never names who we are.

    Attributes:
        brokers: HOST:PORT of some of them.
        topic: The topic.
        group: The consumers' group.
        session_s: A consumer that has not been heard of for so long has lost its partitions.
        timeout_s: The longest that a request may take to answer.
        tls: Whether to speak TLS.
        ca_file: Who may have signed the brokers' certificates; default whom the system trusts.
        mechanism: Of SASL, where there is a username.
        username: Who we are; None: nobody in particular.
        password: Theirs.
    """

    brokers: tuple[str, ...]
    topic: str
    group: str = DEFAULT_GROUP
    session_s: float = _SESSION_S
    timeout_s: float = _KAFKA_TIMEOUT_S
    tls: bool = False
    ca_file: str | None = None
    mechanism: str = _MECHANISMS[0]
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"kafka://{','.join(self.brokers)}/{self.topic}"


Address = FileAddress | RedisAddress | KafkaAddress


def event_address(url: str, environment: Mapping[str, str] = os.environ) -> Address:
    """The address in a URL.

    Args:
        url: See this module.
        environment: Where the variables for user and password are, unless the URL has them.

    Raises:
        StreamUnavailableError: It is none; the message does not repeat what may be secret.
    """
    scheme, colon, _ = url.partition(":")
    if not colon or scheme not in _READERS:
        if "://" in url:
            raise StreamUnavailableError(
                f"events at {scheme}://: there is no such stream. Give a file, redis:// or kafka://."
            )
        return _file(urlsplit(f"file:{url.replace('%', '%25').replace('?', '%3F').replace('#', '%23')}"), {})
    try:
        return _READERS[scheme](urlsplit(url), environment)
    except ValueError as error:
        raise StreamUnavailableError(f"events at {scheme}: {error}") from error


def _file(parts: SplitResult, _environment: Mapping[str, str]) -> FileAddress:
    options = _Options(parts, ("group",))
    if parts.netloc or not parts.path.strip("/"):
        raise ValueError("the URL names no file; write file:/FOLDER/events.jsonl, or the path alone")
    return FileAddress(path=Path(unquote(parts.path)), group=options.name("group", DEFAULT_GROUP))


def _redis(parts: SplitResult, environment: Mapping[str, str]) -> RedisAddress:
    options = _Options(parts, ("stream", "group", "maxlen", "lease_s", "timeout_s", "ca"))
    database = parts.path.strip("/") or "0"
    if not parts.hostname or not database.isdecimal():
        raise ValueError("the URL names no host, or no database; write redis://HOST:PORT/DB?stream=NAME")
    return RedisAddress(
        host=parts.hostname,
        port=parts.port or _REDIS_PORT,
        database=int(database),
        stream=options.name("stream", None),
        group=options.name("group", DEFAULT_GROUP),
        max_length=options.count("maxlen"),
        lease_s=options.seconds("lease_s", _LEASE_S),
        timeout_s=options.seconds("timeout_s", _REDIS_TIMEOUT_S),
        tls=parts.scheme == "rediss",
        ca_file=options.text("ca"),
        **_who(parts, environment),
    )


def _kafka(parts: SplitResult, environment: Mapping[str, str]) -> KafkaAddress:
    options = _Options(parts, ("group", "security", "mechanism", "session_s", "timeout_s", "ca"))
    hosts = [host for host in parts.netloc.rpartition("@")[2].split(",") if host]
    topic = parts.path.strip("/")
    if not hosts or not _NAME.fullmatch(topic):
        raise ValueError("the URL names no host, or no topic; write kafka://HOST:PORT/TOPIC?group=NAME")
    if options.text("security") not in (None, "tls", "none"):
        raise ValueError("security is tls or none")
    if options.text("mechanism") not in (None, *_MECHANISMS):
        raise ValueError(f"mechanism is one of {', '.join(_MECHANISMS)}")
    return KafkaAddress(
        brokers=tuple(host if ":" in host else f"{host}:{_KAFKA_PORT}" for host in hosts),
        topic=topic,
        group=options.name("group", DEFAULT_GROUP),
        session_s=options.seconds("session_s", _SESSION_S),
        timeout_s=options.seconds("timeout_s", _KAFKA_TIMEOUT_S),
        tls=options.text("security") == "tls",
        ca_file=options.text("ca"),
        mechanism=options.text("mechanism") or _MECHANISMS[0],
        **_who(parts, environment),
    )


def _who(parts: SplitResult, environment: Mapping[str, str]) -> dict[str, str | None]:
    username, colon, password = parts.netloc.rpartition("@")[0].partition(":")
    return {
        "username": unquote(username) or environment.get(USERNAME_VARIABLE),
        "password": (unquote(password) if colon else "") or environment.get(PASSWORD_VARIABLE),
    }


class _Options:
    """What stands after the question mark."""

    def __init__(self, parts: SplitResult, known: tuple[str, ...]) -> None:
        self._values = dict(parse_qsl(parts.query, keep_blank_values=True))
        for option, value in self._values.items():
            if option not in known:
                raise ValueError(f"there is no option {option!r} in the URL; there are {', '.join(known)}")
            if not value:
                raise ValueError(f"the option {option} has no value")

    def text(self, option: str) -> str | None:
        return self._values.get(option)

    def name(self, option: str, default: str | None) -> str:
        name = self._values.get(option, default)
        if name is None:
            raise ValueError(f"the URL names no {option}; add ?{option}=NAME")
        if not _NAME.fullmatch(name):
            raise ValueError(f"{option} is 1 to 100 letters, digits, '.', '_' and '-', not {name!r}")
        return name

    def count(self, option: str) -> int | None:
        text = self._values.get(option)
        if text is not None and (not text.isdecimal() or int(text) < 1):
            raise ValueError(f"{option} is a whole number, 1 or more, not {text!r}")
        return None if text is None else int(text)

    def seconds(self, option: str, default: float) -> float:
        text = self._values.get(option)
        if text is None:
            return default
        if not re.fullmatch(r"\d+(\.\d+)?", text) or not float(text):
            raise ValueError(f"{option} is a number of seconds, not {text!r}")
        return float(text)


_READERS: dict[str, Callable[[SplitResult, Mapping[str, str]], Address]] = {
    "file": _file,
    "redis": _redis,
    "rediss": _redis,
    "kafka": _kafka,
}
