"""Where a Redis is and how it is spoken to, from one URL; who we are may come from variables instead.

redis://[USER[:PASSWORD]@]HOST[:PORT][/DB][?OPTION=VALUE&...], or rediss:// for TLS.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from storage.errors import StoreUnavailableError

SCHEMES = ("redis", "rediss")
USERNAME_VARIABLE = "PINNERSAGE_PROFILES_USERNAME"
PASSWORD_VARIABLE = "PINNERSAGE_PROFILES_PASSWORD"  # noqa: S105 - its name

_DEFAULT_PORT = 6_379
_DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """One store. As text it never names who we are.

    Attributes:
        host: Its name or address.
        port: Its port.
        database: Its number there.
        tls: Whether to speak TLS; the certificate must then be good for the host.
        ca_file: Who may have signed that; default whom the system trusts.
        cert_file: Our own certificate, where one is asked for.
        key_file: Its key.
        username: For ACL; None is the default user.
        password: Theirs.
        prefix: What all keys begin with, so that several may share a store.
        timeout_s: The longest that a read or a write of a user may take to answer.
        connections: So many at most are kept open for the next callers, in each process.
        online_ttl_s: An online record lives so long after it was last written.
    """

    host: str
    port: int = _DEFAULT_PORT
    database: int = 0
    tls: bool = False
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    prefix: str = "pinnersage"
    timeout_s: float = 0.08
    connections: int = 64
    online_ttl_s: int = 90 * _DAY_S

    def __str__(self) -> str:
        return f"{'rediss' if self.tls else 'redis'}://{self.host}:{self.port}/{self.database}"


def is_redis(url: str) -> bool:
    """Whether a URL names a Redis."""
    return urlsplit(url).scheme in SCHEMES


def redis_address(url: str, environment: Mapping[str, str] = os.environ) -> RedisAddress:
    """The address in a URL.

    Args:
        url: See this module.
        environment: Where the variables for user and password are, unless the URL has them.

    Raises:
        StoreUnavailableError: It is none; the message does not repeat what may be secret.
    """
    parts = urlsplit(url)
    place = f"profiles at {parts.scheme}://{parts.hostname or ''}"
    try:
        return _address(parts, environment)
    except (ValueError, KeyError) as error:
        raise StoreUnavailableError(f"{place}: {error.args[0]}") from error


def _address(parts: SplitResult, environment: Mapping[str, str]) -> RedisAddress:
    if not parts.hostname:
        raise ValueError("the URL names no host; write redis://HOST:PORT/DB")
    options = dict(_option(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True))
    return RedisAddress(
        host=parts.hostname,
        port=parts.port or _DEFAULT_PORT,
        database=_number("the database", parts.path.strip("/") or "0"),
        tls=parts.scheme == "rediss",
        username=unquote(parts.username or "") or environment.get(USERNAME_VARIABLE),
        password=unquote(parts.password or "") or environment.get(PASSWORD_VARIABLE),
        **options,  # type: ignore[arg-type]  # each is of its field's type: see _OPTIONS
    )


def _option(name: str, value: str) -> tuple[str, object]:
    if name not in _OPTIONS:
        raise ValueError(f"there is no option {name!r} in the URL; there are {', '.join(sorted(_OPTIONS))}")
    if not value:
        raise ValueError(f"the option {name} has no value")
    field_name, read = _OPTIONS[name]
    return field_name, read(value)


def _number(name: str, text: str, *, low: int = 0) -> int:
    if not text.isdecimal() or int(text) < low:
        raise ValueError(f"{name} is a whole number, {low} or more, not {text!r}")
    return int(text)


_OPTIONS: dict[str, tuple[str, Callable[[str], object]]] = {
    "prefix": ("prefix", str),
    "timeout_ms": ("timeout_s", lambda text: _number("timeout_ms", text, low=1) / 1_000),
    "connections": ("connections", lambda text: _number("connections", text, low=1)),
    "online_ttl_days": ("online_ttl_s", lambda text: _DAY_S * _number("online_ttl_days", text, low=1)),
    "ca": ("ca_file", str),
    "cert": ("cert_file", str),
    "key": ("key_file", str),
}
