"""The batch into a Redis: the same records as into a folder, and the same commands around them."""

from collections.abc import Iterator

import pytest

from storage.profiles.opening import live_version, open_reader
from tests.profile_builder.conftest import Shop, Terminal
from tests.storage.profiles.valkeys import Valkey


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    server = Valkey()
    yield server
    server.stop()


def calibrate(run: Terminal, shop: Shop) -> None:
    assert run("calibrate", "--data", shop.data, "--pins", shop.pins, "--out", shop.model) == 0


def test_a_batch_goes_into_a_redis_as_into_a_folder(
    run: Terminal, shop: Shop, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same records; list, rollback and prune work there too, and nothing printed says who we are."""
    monkeypatch.chdir(shop.out)
    valkey.ask("ACL", "SETUSER", "ann", "on", ">secret", "allkeys", "+@all")
    url = valkey.url().replace("redis://", "redis://ann:secret@")
    calibrate(run, shop)
    given = ("--data", shop.data, "--pins", shop.pins, "--model", shop.model, "--processes", 1)
    assert run("batch", *given, "--profiles", shop.profiles) == 0
    assert run("batch", *given, "--profiles", url) == 0, run.err
    assert f"in                redis://127.0.0.1:{valkey.port}/0" in run.out
    assert (shop.out / "batch-rejects.jsonl").exists()

    there, here = open_reader(url), open_reader(str(shop.profiles))
    for user_id in ("ann", "ben", *(f"user-{i:02}" for i in range(60)), "nobody"):
        assert there.read(user_id).stamp == here.read(user_id).stamp
    assert there.popular() == here.popular()
    there.close()
    here.close()

    first = live_version(url)
    assert run("batch", *given, "--profiles", url, "--popular", 3) == 0
    assert run("list", "--profiles", url) == 0
    assert len(run.out.splitlines()) >= 3
    assert run("rollback", "--profiles", url) == 0
    assert run.out == f"{first} is live in redis://127.0.0.1:{valkey.port}/0.\n"
    assert run("prune", "--profiles", url) == 0
    assert "secret" not in run.out + run.err


def test_a_redis_that_is_not_there_is_found_before_anything_is_read(run: Terminal, shop: Shop) -> None:
    """A wrong name does not cost a night, and is said without who we are."""
    calibrate(run, shop)
    given = ("--data", shop.data, "--pins", shop.pins, "--model", shop.model)
    assert run("batch", *given, "--profiles", "redis://ann:secret@127.0.0.1:1") == 1
    assert run.err.startswith(
        "profile_builder: redis://127.0.0.1:1/0 cannot be reached: Connection refused. See "
    )
    assert "secret" not in run.err
