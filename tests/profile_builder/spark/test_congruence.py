"""Spark gives what the local engine gives, to the byte: the batch it would publish is live already."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from profile_builder.batch import BatchPolicy
from profile_builder.bootstrap import calibrate
from profile_builder.settings import CalibrateSettings
from profile_builder.spark.batch import SparkPolicy
from storage.model_file import read_model_file
from tests.profile_builder.conftest import Shop
from tests.profile_builder.spark.runs import Work
from tests.profile_builder.world import (
    DAY_S,
    MODEL,
    NEWEST_S,
    PINS_PER_TOPIC,
    POLICY,
    TOPICS,
    Act,
    light_users,
    some_acts,
    write_actions,
)
from tests.storage.profiles.valkeys import Valkey

pytestmark = pytest.mark.spark


def untidy_acts(seed: int, n: int) -> list[Act]:
    """People of all sizes; rows that are twice there, wrong, too old, unknown, or share an event's id."""
    rng = random.Random(seed)  # noqa: S311 - for a test
    acts = []
    for _ in range(n):
        user = f"user-{min(int(rng.paretovariate(0.5)), 40)}"
        pin = f"{rng.choice(TOPICS)}-{rng.randrange(PINS_PER_TOPIC)}"
        act = Act(user, pin, days=rng.randrange(100), action=rng.choice(("save", "love", "look", "hide")))
        kind = rng.random()
        if kind < 0.03:
            act = replace(act, pin="dog-1")
        elif kind < 0.06:
            act = replace(act, user=rng.choice(("", None, "x" * 129)))
        elif kind < 0.09:
            act = replace(act, action="stare")
        elif kind < 0.5:
            act = replace(act, event=f"event-{rng.randrange(n // 4)}")
        acts.append(act)
        if rng.random() < 0.1:
            acts.append(act)
    return acts


def work(shop: Shop, acts: list[Act], *, with_events: bool) -> Work:
    """Over these acts in three files; a user in five was forgotten."""
    third = len(acts) // 3
    for number in range(3):
        some = acts[third * number : third * (number + 1)]
        write_actions(shop.out / "actions" / f"{number}.parquet", some, with_events=with_events)
    return Work(actions=shop.out / "actions", pins=shop.pins, model=MODEL, out=shop.out, policy=generous())


def generous() -> BatchPolicy:
    read = replace(POLICY.read, max_reject_share=0.9, forgotten_until_s={"user-3": 1_697_000_000})
    # Some of the newest are ahead of the clock.
    read = replace(read, latest_s=NEWEST_S - 2 * DAY_S)
    return replace(POLICY, read=read, max_actions=50, n_popular=7)


@pytest.mark.parametrize(("seed", "with_events"), [(1, True), (2, False)])
def test_untidy_actions_come_to_the_same(shop: Shop, session: Any, seed: int, with_events: bool) -> None:
    """Profiles, manifest, popular pins and rejected rows: so Spark has nothing to write."""
    job = work(shop, untidy_acts(seed, 600), with_events=with_events)
    local = job.local(str(shop.profiles))
    spark = job.spark(str(shop.profiles), session)

    assert local.tally.n_users > 5
    assert (spark.published.version, spark.published.already_live) == (local.published.version, True)
    assert (spark.rows, spark.tally) == (local.rows, local.tally)
    assert job.rejected("spark") == job.rejected("local")
    assert not (shop.profiles / "spark-parts").exists()


def test_into_a_redis_too(shop: Shop, session: Any) -> None:
    """Tasks write what one publisher would; how the work is cut changes nothing."""
    valkey = Valkey()
    try:
        url = valkey.url()
        job = work(shop, [*some_acts(), *light_users(60)], with_events=False)
        first = job.spark(url, session)
        assert not first.published.already_live
        assert job.local(url).published.already_live
        whole = SparkPolicy(rows_a_split=10**6, actions_a_part=10**6)
        assert job.spark(url, session, whole).published == replace(first.published, already_live=True)
    finally:
        valkey.stop()


@pytest.mark.data
def test_real_people_come_to_the_same(
    movietweetings: Path, movie_pins: Path, tmp_path: Path, session: Any
) -> None:
    """141,695 ratings, 9,859 people with interests, as `calibrate` finds the parameters."""
    actions, model = movietweetings / "actions.parquet", tmp_path / "model.toml"
    calibrate(CalibrateSettings(pins=movie_pins, out=model, actions=actions))
    job = Work(
        actions=actions,
        pins=movie_pins,
        model=read_model_file(model),
        out=tmp_path,
        weights=None,
        policy=generous(),
    )
    local = job.local(str(tmp_path / "profiles"))
    spark = job.spark(str(tmp_path / "profiles"), session, SparkPolicy(actions_a_part=5_000))
    assert (spark.published.version, spark.published.already_live) == (local.published.version, True)
    assert spark.tally.n_users == 9_859
    assert job.rejected("spark") == job.rejected("local")
