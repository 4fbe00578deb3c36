"""What a caller may settle about a client: how long to wait, how often to try, where the server is."""

from dataclasses import dataclass
from numbers import Real

from pinnersage.client._errors import ConfigurationError

# grpc core loses the timer of a shorter backoff (grpc/grpc#41036): the call then hangs to its deadline.
_SHORTEST_BACKOFF_S = 0.01
# grpc core silently lowers more attempts to this.
_MOST_ATTEMPTS = 5
_LONGEST_REQUEST_ID = 128

_SCHEMES = ("dns:", "ipv4:", "ipv6:", "unix:", "unix-abstract:", "vsock:", "xds:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout:
    """How long a call may take, its retries included. A call's own `timeout_s` goes before these.

    Attributes:
        call_s: A call that is answered at once: all but `recommend_batch`.
        batch_s: A whole batch, to its last user.
    """

    call_s: float = 2.0
    batch_s: float = 60.0

    def __post_init__(self) -> None:
        for name in ("call_s", "batch_s"):
            check_timeout(name, getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """When a call that met UNAVAILABLE is tried again, and how much of that a server has to bear.

    All calls of a client share one budget. It starts with `budget_reserve` retries; each failed attempt takes
    one, each answered call gives `budget_share` of one back. So whatever share of the answers is UNAVAILABLE,
    in whatever order,

        attempts <= (1 + budget_share) * calls + budget_reserve

    By default that is 1.1 attempts a call in the long run. It is reached when 1 answer in 11 is UNAVAILABLE;
    when half of them are, failures empty the budget faster than answers fill it, and retries all but cease.

    Attributes:
        max_attempts: Attempts a call, the first included: 1 (never try again) to 5.
        initial_backoff_s: The pause before the second attempt, at least 0.01; gRPC varies it by a fifth.
        max_backoff_s: The longest pause.
        backoff_multiplier: What each further pause is longer by.
        budget_share: Retries earned by an answered call: 0.001 to 1.
        budget_reserve: Retries to start with, and the most that can be saved up: 1 to 500.
    """

    max_attempts: int = 3
    initial_backoff_s: float = 0.05
    max_backoff_s: float = 1.0
    backoff_multiplier: float = 2.0
    budget_share: float = 0.1
    budget_reserve: int = 10

    def __post_init__(self) -> None:
        _check_whole("max_attempts", self.max_attempts, low=1, high=_MOST_ATTEMPTS)
        _check("initial_backoff_s", self.initial_backoff_s, low=_SHORTEST_BACKOFF_S, high=60.0)
        _check("max_backoff_s", self.max_backoff_s, low=self.initial_backoff_s, high=60.0)
        _check("backoff_multiplier", self.backoff_multiplier, low=1.0, high=10.0)
        _check("budget_share", self.budget_share, low=0.001, high=1.0)
        _check_whole("budget_reserve", self.budget_reserve, low=1, high=500)


def check_target(target: str) -> None:
    """Refuse an address that gRPC would take for something else.

    Left alone, gRPC would look up "http://host" as a name, dial port 443 where none is given, and port
    34463 for 99999.

    Raises:
        ConfigurationError: It is neither HOST:PORT nor a gRPC target; the message says how to write one.
    """
    scheme = next(filter(target.startswith, _SCHEMES), None)
    is_right = _is_host_and_port(target) if scheme is None else _is_grpc_target(scheme, target)
    if not is_right or not target.isprintable():
        raise ConfigurationError(
            f"{target!r} is not a server's address: write HOST:PORT, as in 127.0.0.1:50051 or [::1]:50051,"
            " or a gRPC target, as in dns:///recommender:50051 or unix:/run/pinnersage.sock"
        )


def check_timeout(name: str, seconds: float) -> None:
    """Refuse what is no time to wait: gRPC takes NaN and infinity for a deadline that has passed.

    Raises:
        ConfigurationError: Not 0.001 to 86,400 s; the message has the name and the value.
    """
    _check(name, seconds, low=0.001, high=86_400.0)


def check_api_key(api_key: str) -> None:
    """Refuse an API key that cannot be sent in a header, without repeating the secret."""
    if not api_key or not api_key.isascii() or not api_key.isprintable():
        raise ConfigurationError("api_key must be printable ASCII, without a line break, and not empty")


def check_request_id(request_id: str) -> None:
    """Refuse a name for a call that the server would not take.

    Raises:
        ConfigurationError: Not 1 to 128 printable ASCII characters.
    """
    if not (
        1 <= len(request_id) <= _LONGEST_REQUEST_ID and request_id.isascii() and request_id.isprintable()
    ):
        raise ConfigurationError(
            f"request_id must be 1 to {_LONGEST_REQUEST_ID} printable ASCII characters, not {request_id!r}"
        )


def _is_grpc_target(scheme: str, target: str) -> bool:
    """Whether something stands behind the scheme, and a port behind each plain address."""
    addresses = target.removeprefix(scheme).strip("/").split(",")
    needs_ports = scheme in ("ipv4:", "ipv6:")
    return all(_is_host_and_port(each) if needs_ports else each != "" for each in addresses)


def _is_host_and_port(text: str) -> bool:
    host, _, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not host.isascii() or "/" in host or " " in host or (":" in host and not bracketed):
        return False
    return host != "" and _is_port(port)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 1 <= int(text) <= 65_535


def _check(name: str, value: float, *, low: float, high: float) -> None:
    # Written so that NaN is refused, too.
    if not isinstance(value, Real) or not low <= value <= high:
        raise ConfigurationError(f"{name} must be {low:g} to {high:g}, not {value!r}")


def _check_whole(name: str, value: int, *, low: int, high: int) -> None:
    # A service config with 3.0 in it is one that gRPC cannot read.
    if not isinstance(value, int) or not low <= value <= high:
        raise ConfigurationError(f"{name} must be a whole number, {low} to {high}, not {value!r}")


DEFAULT_TIMEOUT = Timeout()
DEFAULT_RETRIES = Retries()
