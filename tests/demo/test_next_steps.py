"""What the demo says to type next."""

import json
import shlex
from pathlib import Path

import pytest

from demo.next_steps import next_steps
from demo.worlds import World

WORLD = World(data=Path("/data"), folder=Path("/built"))


@pytest.mark.parametrize("user_id", ["ann", "two words", "o'Neil", "🐶"])
def test_the_commands_ask_for_the_first_person(user_id: str) -> None:
    """Quoted where a shell needs it, so that they can be copied."""
    serve, recommend, together, profile, grpcurl = (
        shlex.split(command) for _, command in next_steps(WORLD, [user_id, "bob"])
    )
    assert serve[1:] == ["-m", "server", "--pins", "/built/pins", "--profiles", "/built/profiles"]
    assert recommend[-2:] == ["recommend", user_id]
    assert together[-4:] == ["recommend", "--merge-policy", "fused", user_id]
    assert profile[-2:] == ["profile", user_id]
    request = grpcurl[grpcurl.index("-d") + 1]
    assert json.loads(request)["user_id"] == user_id
    assert user_id in request


def test_an_id_like_an_option_comes_after_two_dashes() -> None:
    """Or the command would take it for one."""
    commands = [command for _, command in next_steps(WORLD, ["-ann"])]
    assert commands[1].endswith("recommend -- -ann")
    assert commands[2].endswith("recommend --merge-policy fused -- -ann")
    assert commands[3].endswith("profile -- -ann")
