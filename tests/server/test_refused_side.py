"""Added pins that cannot be read: what a server does until they can."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from server import following
from server.following import SideFollower
from server.vouching import RETRY_S
from storage.pins.port import PinView
from storage.pins.side import Side, side_versions
from tests.server.test_following import publish, side_rows
from tests.server.world import make_pins


class Opened(Side):
    """Says how often a side is opened, which reads it to its end."""

    times = 0

    @classmethod
    def open(cls, root: Path, version: str | None = None) -> "Side":
        cls.times += 1
        return Side.open(root, version)


def test_a_refused_side_is_read_again_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at every look, of which there is one a second: it may be large, and is told once all the same."""
    monkeypatch.setattr(following, "Side", Opened)
    monkeypatch.setattr(Opened, "times", 0)
    now_s, served, refused = [0.0], list[PinView](), list[str]()
    follower = SideFollower(
        tmp_path,
        make_pins(),
        served.append,
        count_refused=lambda: refused.append("a version"),
        clock=lambda: now_s[0],
    )
    publish(tmp_path, side_rows([0.3]))
    path = side_versions(tmp_path).folder() / "embeddings.npy"
    path.chmod(0o644)
    good = path.read_bytes()
    path.write_bytes(good[:-1] + b"\x01")
    with capture_logs() as logs:
        for now_s[0] in (0.0, 1.0, RETRY_S - 1):
            follower.poll()
        assert (Opened.times, len(served), len(refused)) == (1, 0, 1)
        now_s[0] = RETRY_S
        follower.poll()
        assert (Opened.times, len(served), len(refused)) == (2, 0, 1)
    assert [each["log_level"] for each in logs] == ["error"]
    path.write_bytes(good)
    now_s[0] = 2 * RETRY_S
    follower.poll()
    assert (Opened.times, len(served), len(refused)) == (3, 1, 1)


def test_a_refused_side_beside_another_live_one_is_said_once(tmp_path: Path) -> None:
    """As after a build: the live side is another version's, and the one of what is served is damaged."""
    publish(tmp_path, side_rows([0.3]))
    path = side_versions(tmp_path).folder() / "embeddings.npy"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    publish(tmp_path, side_rows([0.3], version="000002-test"))
    follower = SideFollower(tmp_path, make_pins(), lambda _: None, count_refused=lambda: None)
    with capture_logs() as logs:
        for _ in range(3):
            follower.poll()
        assert [each["log_level"] for each in logs] == ["warning", "error"]
        # The next live one is news.
        publish(tmp_path, side_rows([0.3, 4.4], version="000002-test"))
        for _ in range(3):
            follower.poll()
    assert [each["log_level"] for each in logs] == ["warning", "error", "warning"]
