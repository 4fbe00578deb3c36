"""The demo's server: its address is read from its log, and its failure is told."""

from pathlib import Path

import pytest

from demo.errors import DemoError
from demo.serving import address_in, served
from demo.worlds import World, folder_name


def test_the_address_is_the_one_in_the_log() -> None:
    """The line `serving` says where; noise around it does no harm."""
    lines = ("noise", '{"event": "opened"}', '{"event": "serving", "address": "127.0.0.1:4711"}', "noise")
    assert address_in("\n".join(lines)) == "127.0.0.1:4711"


@pytest.mark.parametrize("log", ["", "noise", '{"event": "serv', '{"event": "opened"}', '"serving"'])
def test_before_that_line_there_is_no_address(log: str) -> None:
    """A log without the line, or with half of it, is no promise."""
    assert address_in(log) is None


def test_a_server_that_does_not_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    """Without artefacts the server ends; its own sentence reaches the person."""
    world = World(data=tmp_path, folder=tmp_path)
    said = r"(?s)the server ended at once.*-m server.*server: .*index_builder"
    with pytest.raises(DemoError, match=said), served(world):
        pytest.fail("nothing can be served")


@pytest.mark.parametrize(
    ("name", "folder"),
    [("movietweetings", "movietweetings"), ("My shop / 2", "My-shop-2"), ("../etc", "etc"), ("☂", "unnamed")],
)
def test_any_name_makes_a_folder(name: str, folder: str) -> None:
    """A data set's name never leads out of the demo's folder."""
    assert folder_name(name) == folder
