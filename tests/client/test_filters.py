"""Filters travel to the server as they were meant; what cannot be sent is named."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from pinnersage.client import (
    AnyOf,
    Client,
    Condition,
    Equals,
    InvalidArgumentError,
    NoneOf,
    RecentPin,
    Within,
)
from pinnersage.client.testing import FakeRecommender

NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC)
FILTERS = (
    AnyOf("category", ("shoes", "boots")),
    NoneOf("country", ("FR",)),
    Within("created_at", since=NEW_YEAR),
    Within("created_at", before=NEW_YEAR + timedelta(days=31)),
    Equals("in_stock", value=False),
)


def test_every_method_takes_filters(client: Client, fake: FakeRecommender) -> None:
    """And the fake server tells what it was asked."""
    client.recommend("ann", filters=FILTERS)
    client.recommend_for_pins([RecentPin("🐶")], filters=FILTERS)
    list(client.recommend_batch(["ann"], filters=FILTERS))
    client.similar_pins("🐶", filters=FILTERS)
    assert [call.arguments["filter"] for call in fake.calls] == [FILTERS] * 4


def test_without_filters_none_is_sent(client: Client, fake: FakeRecommender) -> None:
    """An empty filter would be refused."""
    client.recommend("ann", filters=[])
    client.recommend("ann")
    assert all("filter" not in call.arguments for call in fake.calls)


def test_times_of_any_zone_and_values_of_any_collection(client: Client, fake: FakeRecommender) -> None:
    """They are the same moment; an iterable of filters is read once."""
    paris = timezone(timedelta(hours=1))
    given: list[Condition] = [Within("t", before=NEW_YEAR.astimezone(paris)), AnyOf("c", ["a", "b"])]
    client.recommend("ann", filters=iter(given))
    assert fake.calls[0].arguments["filter"] == (Within("t", before=NEW_YEAR), AnyOf("c", ("a", "b")))


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ("category=shoes", "filters takes a list, not 'category=shoes'"),
        (["shoes"], "filters[0] needs one of AnyOf, NoneOf, Within, Equals, not 'shoes'"),
        ([Equals("a", True), AnyOf(3, ("a",))], "filters[1].column needs a column's name, not 3"),  # type: ignore[arg-type] # the point
        ([AnyOf("category", "shoes")], "filters[0].values takes a list, not 'shoes'"),
        ([NoneOf("category", ["a", 2])], "filters[0].values[1] needs a text, not 2"),  # type: ignore[list-item] # the point
        ([Within("t", since=datetime(2024, 1, 1))], "filters[0].since has no time zone"),
        ([Within("t", before=1_700_000_000)], "filters[0].before needs a datetime, not 1700000000"),  # type: ignore[arg-type] # the point
        ([Equals("in_stock", "yes")], "filters[0].value needs True or False, not 'yes'"),  # type: ignore[arg-type] # the point
    ],
)
def test_what_cannot_be_sent_is_named(client: Client, filters: Any, told: str) -> None:
    """Before anything is sent, by place."""
    with pytest.raises(InvalidArgumentError) as refusal:
        client.recommend("ann", filters=filters)
    assert told in str(refusal.value)
