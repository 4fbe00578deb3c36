"""A URL says where a Redis is; who we are is never repeated."""

import pytest

from storage.errors import StoreUnavailableError
from storage.profiles.opening import shown
from storage.profiles.redis.address import RedisAddress, redis_address

NOBODY: dict[str, str] = {}


def test_a_short_url_is_enough() -> None:
    """Everything else has a default."""
    assert redis_address("redis://store", NOBODY) == RedisAddress(host="store")


def test_everything_can_be_said() -> None:
    """Quoted where URLs want it: the password is `p@ss/word`."""
    url = (
        "rediss://ann:p%40ss%2Fword@store:7000/3?prefix=shop&timeout_ms=250&connections=8"
        "&online_ttl_days=30&ca=/ca.pem&cert=/c.pem&key=/k.pem"
    )
    assert redis_address(url, NOBODY) == RedisAddress(
        host="store",
        port=7_000,
        database=3,
        tls=True,
        ca_file="/ca.pem",
        cert_file="/c.pem",
        key_file="/k.pem",
        username="ann",
        password="p@ss/word",  # noqa: S106 - nobody's
        prefix="shop",
        timeout_s=0.25,
        connections=8,
        online_ttl_s=30 * 86_400,
    )


def test_who_we_are_may_come_from_variables() -> None:
    """Processes are listed with their arguments, and so with a URL; what the URL says goes first."""
    variables = {"PINNERSAGE_PROFILES_USERNAME": "ann", "PINNERSAGE_PROFILES_PASSWORD": "secret"}
    address = redis_address("redis://store", variables)
    assert (address.username, address.password) == ("ann", "secret")
    assert redis_address("redis://ben:other@store", variables).username == "ben"


def test_who_we_are_is_never_printed() -> None:
    """Not by the address, not by its repr, not by what commands show of a URL."""
    url = "rediss://ann:secret@store:7000/3?prefix=shop"
    address = redis_address(url, NOBODY)
    assert str(address) == shown(url) == "rediss://store:7000/3"
    assert "secret" not in repr(address)
    assert "ann" not in repr(address)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("redis://:secret@/0", "the URL names no host; write redis://HOST:PORT/DB"),
        ("redis://ann:secret@store/zero", "the database is a whole number, 0 or more, not 'zero'"),
        ("redis://ann:secret@store?timeout_ms=0", "timeout_ms is a whole number, 1 or more, not '0'"),
        ("redis://ann:secret@store?timeout=1", "there is no option 'timeout' in the URL; there are ca, cert"),
        ("redis://ann:secret@store?prefix=", "the option prefix has no value"),
        ("redis://ann:secret@store:seven", "Port could not be cast to integer value as 'seven'"),
    ],
)
def test_a_url_that_is_none_says_what_is_wrong(url: str, problem: str) -> None:
    """And keeps the password to itself."""
    with pytest.raises(StoreUnavailableError) as refusal:
        redis_address(url, NOBODY)
    assert problem in str(refusal.value)
    assert "secret" not in str(refusal.value)
