"""Arrows point down: programs -> storage -> model; only benchmarks and tests import a program."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, imports, python_files, read

PROGRAMS = {"server", "index_builder", "profile_builder", "evaluation", "benchmarks", "demo"}
ROOMS = PROGRAMS | {"storage", "model", "process", "client", "tests"}


@dataclass(frozen=True, slots=True, kw_only=True)
class May:
    """What a room may import besides the standard library and itself.

    Attributes:
        rooms: Other rooms of the house.
        packages: Installed packages, or parts of one; None allows any.
        the_client: Whether `pinnersage.*`, the published client and its stubs, is allowed.
    """

    rooms: frozenset[str] = frozenset()
    packages: frozenset[str] | None = None
    the_client: bool = False


BELOW_PROGRAMS = frozenset({"storage", "model", "process"})
RULES = {
    "model": May(packages=frozenset({"numpy", "scipy", "fastcluster"})),
    "storage": May(rooms=frozenset({"model"})),
    "process": May(),
    "index_builder": May(rooms=BELOW_PROGRAMS),
    "profile_builder": May(rooms=BELOW_PROGRAMS),
    "evaluation": May(rooms=BELOW_PROGRAMS),
    "server": May(rooms=BELOW_PROGRAMS, the_client=True),
    # What a request and a build do is measured by their stages, without gRPC or commands around them.
    "benchmarks": May(rooms=BELOW_PROGRAMS | {"server", "index_builder", "profile_builder"}, the_client=True),
    "demo": May(rooms=BELOW_PROGRAMS, the_client=True),
    "client": May(packages=frozenset({"grpc", "google.protobuf"}), the_client=True),
    "tests": May(rooms=frozenset(ROOMS), the_client=True),
}


def violations(room: str, source: str, path: str) -> list[str]:
    """The imports that the room's rule forbids, each as one sentence."""
    return [
        f"{path}:{found.line}: {room} may not import {found.module}"
        for found in imports(source)
        if not _allowed(room, found.module)
    ]


def _allowed(room: str, module: str) -> bool:
    rule, top = RULES[room], module.partition(".")[0]
    if module.startswith("."):
        return False
    if top == "pinnersage":
        return rule.the_client
    if top in ROOMS:
        return top == room or top in rule.rooms
    if top in sys.stdlib_module_names or rule.packages is None:
        return True
    return any(f"{module}.".startswith(f"{package}.") for package in rule.packages)


@pytest.mark.parametrize("room", sorted(RULES))
def test_a_room_imports_only_what_its_rule_allows(room: str) -> None:
    """Every import in the room, however deep in a function, points down."""
    files = python_files(Path(room))
    assert files, f"{room}/ holds no Python file: has the house been rebuilt? Then change RULES too."
    assert [fault for path in files for fault in violations(room, read(path), str(path))] == []


def test_every_room_has_a_rule() -> None:
    """A new top-level package cannot arrive without saying what it may import."""
    assert {path.parts[0] for path in python_files()} <= set(RULES)
    assert not list(ROOT.glob("*.py"))


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("model", "import pandas"),
        ("model", "from storage.pins.port import Pins"),
        ("storage", "from process.progress import Reporter"),
        ("storage", "import index_builder.build"),
        ("storage", "from pinnersage.v1 import recommender_pb2"),
        ("process", "from storage.errors import StorageError"),
        ("index_builder", "def later():\n    import server.settings"),
        ("profile_builder", "from index_builder.build import build"),
        ("profile_builder", "import pinnersage.client"),
        ("server", "import importlib\nimportlib.import_module('profile_builder.users')"),
        ("storage", "from storage.compiled import compiled\ncompiled('server._turns')"),
        ("evaluation", "from index_builder.refining import refine"),
        ("demo", "from server.bootstrap import serve"),
        ("benchmarks", "from evaluation.fusing import fuse"),
        ("client", "import numpy"),
        ("client", "from google.rpc import error_details_pb2"),
        ("client", "from storage.errors import StorageError"),
        ("server", "from . import settings"),
    ],
)
def test_an_import_that_points_up_is_found(room: str, source: str) -> None:
    """The rule sees what it forbids: each of these lines is one violation."""
    assert len(violations(room, source, "example.py")) == 1


@pytest.mark.parametrize(
    ("room", "source"),
    [
        (
            "model",
            "import math\nimport numpy as np\nfrom scipy.spatial import distance\nfrom model.ward import cut",
        ),
        ("storage", "import lmdb\nfrom model.interests import Interests\nfrom storage.v1 import profile_pb2"),
        ("server", "from pinnersage.v1 import recommender_pb2\nfrom process.logs import configure_logs"),
        (
            "client",
            "import grpc\nfrom google.protobuf import message\nfrom pinnersage.v1 import recommender_pb2",
        ),
    ],
)
def test_an_import_that_points_down_is_let_through(room: str, source: str) -> None:
    """The rule forbids nothing that the design allows."""
    assert violations(room, source, "example.py") == []
