"""What a person can type once they have seen the demo."""

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from demo.processes import python_command, typed
from demo.worlds import World

DEFAULT_ADDRESS = "127.0.0.1:50051"
BUILT_GRPCURL = Path("build/tools/bin/grpcurl")


def next_steps(world: World, user_ids: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Purpose and command of each step, in an order that works.

    Args:
        world: Built.
        user_ids: People who were shown.
    """
    yield (
        "Serve what was built",
        typed(python_command("server", "--pins", world.pins, "--profiles", world.profiles)),
    )
    for user_id in user_ids[:1]:
        pinnersage = str(Path(sys.executable).with_name("pinnersage"))
        user = ("--", user_id) if user_id.startswith("-") else (user_id,)
        yield "and in another terminal, ask for candidates", typed((pinnersage, "recommend", *user))
        together = (pinnersage, "recommend", "--merge-policy", "fused", *user)
        yield "for those near to all of the interests together", typed(together)
        yield "for everything known about a user", typed((pinnersage, "profile", *user))
        yield "or over plain gRPC", grpcurl(user_id)


def grpcurl(user_id: str) -> str:
    """A call by hand."""
    tool = str(BUILT_GRPCURL) if BUILT_GRPCURL.exists() else "grpcurl"
    request = json.dumps({"user_id": user_id, "max_candidates": 5}, ensure_ascii=False)
    return shlex.join(
        [tool, "-plaintext", "-d", request, DEFAULT_ADDRESS, "pinnersage.v1.Recommender/Recommend"]
    )
