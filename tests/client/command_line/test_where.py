"""`--where` as people type it."""

from datetime import UTC, datetime

import pytest

from pinnersage.client import AnyOf, Condition, Equals, NoneOf, Within
from pinnersage.client.testing import FakeRecommender
from tests.client.command_line.conftest import Run

NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["category=shoes"], (AnyOf("category", ("shoes",)),)),
        ([" category = rain boots "], (AnyOf("category", ("rain boots",)),)),
        (["formula=a<b=c"], (AnyOf("formula", ("a<b=c",)),)),
        (["category="], (AnyOf("category", ("",)),)),
        (["category=a", "in_stock", "category=b"], (AnyOf("category", ("a", "b")), Equals("in_stock", True))),
        (["category!=a", "category!=b"], (NoneOf("category", ("a",)), NoneOf("category", ("b",)))),
        (["created_at>=2024-01-01"], (Within("created_at", since=NEW_YEAR),)),
        (["created_at < 2024-01-01T00:00:00"], (Within("created_at", before=NEW_YEAR),)),
        (["created_at<2024-01-01T01:00:00+01:00"], (Within("created_at", before=NEW_YEAR),)),
        (["not in_stock"], (Equals("in_stock", False),)),
    ],
)
def test_conditions_are_what_they_say(
    run: Run, fake: FakeRecommender, typed: list[str], meant: tuple[Condition, ...]
) -> None:
    """Several texts of one column are any of them; a time without a zone is UTC."""
    options = [part for each in typed for part in ("--where", each)]
    for command in (("recommend", "ann"), ("similar", "🐶")):
        assert run(*command, "--no-titles", *options)[0] == 0
    assert [call.arguments["filter"] for call in fake.calls] == [meant, meant]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("", "--where: '' is none of COLUMN=TEXT, COLUMN!=TEXT, COLUMN>=TIME, COLUMN<TIME, COLUMN or"),
        ("=shoes", "'=shoes' is none of COLUMN=TEXT"),
        ("in stock", "'in stock' is none of COLUMN=TEXT"),
        ("category==shoes", "'category==shoes': a text is compared by one ="),
        ("created_at>2024-01-01", "'created_at>2024-01-01': a time is compared by >= (from then on) or <"),
        ("created_at<=2024-01-01", "a time is compared by >= (from then on) or < (before then)"),
        ("created_at>=yesterday", "'yesterday' is no time: write 2024-01-31, or 2024-01-31T12:00:00 (UTC"),
    ],
)
def test_what_is_no_condition_is_told(run: Run, typed: str, told: str) -> None:
    """With the forms that there are."""
    status, _, complaint = run("recommend", "ann", "--where", typed)
    assert status == 2
    assert told in complaint
