"""What fails on Spark is said in one sentence, and nothing is published."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from profile_builder.errors import UsageError, WorkerError
from storage.errors import NoVersionError, TooManyRejectsError
from storage.profiles.opening import live_version
from tests.profile_builder.conftest import Shop
from tests.profile_builder.spark.runs import Work
from tests.profile_builder.world import MODEL, Act, light_users, write_actions

pytestmark = pytest.mark.spark


def work(shop: Shop, acts: list[Act]) -> Work:
    actions = write_actions(shop.out / "actions.parquet", acts)
    return Work(actions=actions, pins=shop.pins, model=MODEL, out=shop.out)


def test_too_many_bad_rows_stop_the_batch(shop: Shop, session: Any) -> None:
    """Counted over all tasks, before anybody is built."""
    acts = [*light_users(5), *(Act("", "cat-1") for _ in range(20))]
    with pytest.raises(TooManyRejectsError, match=r"20 of 80 rows"):
        work(shop, acts).spark(str(shop.profiles), session)
    with pytest.raises(NoVersionError):
        live_version(str(shop.profiles))


def test_a_task_that_fails_for_good_is_one_sentence(shop: Shop, session: Any) -> None:
    """What it raised last, without its traceback: here an artefact that is not where executors look."""
    job = replace(work(shop, light_users(5)), executors_pins=Path("/nowhere"))
    with pytest.raises(
        WorkerError, match=r"^a task failed .*of the pins in /nowhere\. .* --spark-pins"
    ) as refused:
        job.spark(str(shop.profiles), session)
    assert "Traceback" not in str(refused.value)
    with pytest.raises(NoVersionError):
        live_version(str(shop.profiles))


def test_executors_elsewhere_are_refused_before_anything_is_read(
    shop: Shop, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of the driver's machine is no place for them to write into."""
    monkeypatch.setattr("profile_builder.spark.targets.this_machine", lambda: "the driver's")
    with pytest.raises(UsageError, match=r"cannot write into the folder that --profiles names"):
        work(shop, light_users(5)).spark(str(shop.profiles), session)
