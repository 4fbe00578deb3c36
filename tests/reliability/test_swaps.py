"""RELIABILITY 5: new versions, published and taken into service under load, are noticed by nobody."""

import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from storage.pins.artefact import pin_versions
from tests.reliability.served_world import USERS, publish_pins, publish_profiles
from tests.reliability.servers import channel_to, serving, under_load, version_at
from tests.reliability.shares import SHARE, seeds
from tests.waiting import HANG_S, wait_until

pytestmark = pytest.mark.reliability

_FLAGS = ("--port", "0", "--drain-s", "0", "--poll-s", "0.2", "--warm-s", "1", "--connection-age-s", "5")
_BETWEEN_S = 2.0
_SWAPS, _CONTROLS = 150, 30


@pytest.mark.parametrize("workers", ["1", "2"])
def test_swaps_are_invisible(tmp_path: Path, tally: Counter[tuple[str, ...]], workers: str) -> None:
    """Every two seconds in full: no call fails, and soon every answer is of the newest version."""
    publish_pins(tmp_path / "pins", "first")
    publish_profiles(tmp_path / "profiles", "first")
    with serving(tmp_path, *_FLAGS, "--workers", workers) as server:
        with under_load(server.address) as load:
            if SHARE == 1:
                for seed in seeds(_CONTROLS):
                    with lasting(_BETWEEN_S):
                        publish_pins(tmp_path / "read by nobody", f"pins {seed}")
            n_before = len(load.took_s)
            for seed in seeds(_SWAPS):
                with lasting(_BETWEEN_S if SHARE == 1 else 0):
                    version = publish_pins(tmp_path / "pins", f"pins {seed}")
                    if seed % 5 == 0:
                        publish_profiles(tmp_path / "profiles", f"profiles {seed}")
                    _wait_until_answered_by(version, server.address)
                    tally[f"{workers} workers", "swapped"] += 1
            load.wait_for(10)
        assert load.failed == {}, load.told
        tally[f"calls of {workers} workers", "answered"] += load.answered.total()
        assert load.answered.total() > 0
        if SHARE == 1:
            # At most doubled by versions that are served, beside those that nobody reads.
            assert p99(load.took_s[n_before:]) <= 2 * p99(load.took_s[:n_before])
        # Soon nobody holds the old ones: they can be collected.
        wait_until(lambda: _why_kept(tmp_path / "pins") <= {"live", "to roll back to", "among the newest 1"})


@contextmanager
def lasting(seconds: float) -> Iterator[None]:
    """What is done, and then a pause until it took so long."""
    began_s = time.monotonic()
    yield
    time.sleep(max(0.0, began_s + seconds - time.monotonic()))


def p99(took_s: list[float]) -> float:
    """What 99 of 100 calls took at most."""
    return float(np.quantile(took_s, 0.99))


def _wait_until_answered_by(version: str, address: str) -> None:
    """Wait until each of some connections is answered by the version: whichever worker it belongs to."""
    wait_until(lambda: {version_at(address) for _ in range(6)} == {version}, lambda: f"not {version}")


def _why_kept(pins: Path) -> set[str]:
    """What keeps each version that is left after old ones were collected."""
    return {each.why for each in pin_versions(pins).prune(1).kept}


def test_a_batch_is_of_one_version(tmp_path: Path) -> None:
    """Each stream under way while versions change keeps to one, from its first user to its last."""
    publish_pins(tmp_path / "pins", "first")
    publish_profiles(tmp_path / "profiles", "first")
    with serving(tmp_path, *_FLAGS) as server, channel_to(server.address) as channel:
        stub = RecommenderStub(channel)
        for seed in seeds(100):
            version = publish_pins(tmp_path / "pins", f"pins {seed}")
            met = set[str]()
            while version not in met:
                stream = stub.RecommendBatch(pb.RecommendBatchRequest(user_ids=USERS), timeout=HANG_S)
                results = [each for message in stream for each in message.results]
                assert [each.user_id for each in results] == list(USERS)
                (one,) = {each.recommendation.artefact_version for each in results}
                met.add(one)


def test_a_damaged_version_is_never_served(tmp_path: Path) -> None:
    """Under load: the last good one goes on, without a failed call, until a good one is published."""
    old = publish_pins(tmp_path / "pins", "first")
    publish_profiles(tmp_path / "profiles", "first")
    with serving(tmp_path, *_FLAGS) as server:
        with under_load(server.address) as load:
            for seed in seeds(100):
                bad = _publish_damaged(tmp_path / "pins", f"bad {seed}")
                server.wait_for("version refused, what was served still is", seed + 1)
                load.wait_for(10)
                assert bad not in load.answered
                assert load.answered[old]
        assert load.failed == {}, load.told
        _wait_until_answered_by(publish_pins(tmp_path / "pins", "good"), server.address)


def _publish_damaged(root: Path, name: str) -> str:
    """A version in which one bit of the index is another, made live."""
    aside = root.parent / name
    version = publish_pins(aside, name)
    shutil.copytree(aside / version, root / version)
    index = root / version / "hnsw.faiss"
    index.chmod(0o644)
    content = bytearray(index.read_bytes())
    content[len(content) // 2] ^= 1
    index.write_bytes(content)
    pin_versions(root).make_current(version)
    return version
