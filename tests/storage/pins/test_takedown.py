"""The takedown list says what its lines say, whoever wrote them."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import TakedownError
from storage.pins.takedown import (
    FILE,
    NOTHING_BLOCKED,
    BadLine,
    Block,
    TakedownList,
    format_line,
    parse_takedown,
    read_takedown,
)

CHARACTERS = st.characters(codec="utf-8")
IDS = st.text(CHARACTERS, min_size=1).filter(lambda text: len(text.encode()) <= 128)
NOTES = st.text(CHARACTERS)
BLOCKS = st.builds(Block, IDS, st.booleans(), NOTES)

BY_HAND = """\
# Taken down

85123A
85124B only
85125C   # asked for by ann, 3 May
85126D only # case 17
"an id with spaces"
only
a#b
"#1"
👩\u200d🚀
"""


def test_a_list_as_a_person_writes_it() -> None:
    """Ids alone, marked `only`, with comments; in quotes where an id has spaces or begins with #."""
    assert parse_takedown(BY_HAND.encode()) == TakedownList(
        blocks=(
            Block("85123A"),
            Block("85124B", only=True),
            Block("85125C", note="asked for by ann, 3 May"),
            Block("85126D", only=True, note="case 17"),
            Block("an id with spaces"),
            Block("only"),
            Block("a#b"),
            Block("#1"),
            Block("👩\u200d🚀"),
        )
    )


@pytest.mark.parametrize(
    "raw", [b"a\r\nb only\r\n", b"\xef\xbb\xbfa\nb only", b"  a  \n\tb\tonly\t\n", b"\n\n#\na\nb  only\n"]
)
def test_what_editors_leave_behind_is_no_part_of_an_id(raw: bytes) -> None:
    """Line ends of any system, a byte order mark, blanks around, a last line without an end."""
    assert parse_takedown(raw) == TakedownList((Block("a"), Block("b", only=True)))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"two ids", "after the id comes nothing, `only`, or a comment"),
        (b"a only b", "after the id comes nothing"),
        (b"a only#b", "after the id comes nothing"),
        (b'"a', "after the id comes nothing"),
        (b'"a"b', "after the id comes nothing"),
        (rb'"\x"', "not written as JSON writes texts"),
        (rb'"\ud800"', "the id is not UTF-8"),
        (b'""', "the id has 0 bytes; ids have 1 to 128"),
        (b"x" * 129, "the id has 129 bytes; ids have 1 to 128"),
        ("é".encode() * 65, "the id has 130 bytes"),
        (b"\xff\xfe", "it is not UTF-8"),
        (b"a\x00b", "the id holds a control character"),
    ],
)
def test_a_bad_line_is_named_and_takes_no_other_with_it(line: bytes, problem: str) -> None:
    """The good ones before and after it count."""
    takedown = parse_takedown(b"good\n" + line + b"\nbetter only\n")
    assert takedown.blocks == (Block("good"), Block("better", only=True))
    assert [bad.number for bad in takedown.bad_lines] == [2]
    assert problem in takedown.bad_lines[0].problem


def test_of_two_lines_for_one_pin_the_wider_counts() -> None:
    """In any order: more is hidden rather than less."""
    assert parse_takedown(b"a only\na\n").blocks == parse_takedown(b"a\na only\n").blocks == (Block("a"),)


@given(st.lists(BLOCKS, unique_by=lambda block: block.pin_id))
def test_what_is_written_is_read(blocks: list[Block]) -> None:
    """Any id a pin can have, whatever the note: one line each, and the note's words."""
    raw = b"".join(map(format_line, blocks))
    takedown = parse_takedown(raw)
    assert raw.count(b"\n") == len(blocks)
    assert [(each.pin_id, each.only) for each in takedown.blocks] == [
        (each.pin_id, each.only) for each in blocks
    ]
    assert not takedown.bad_lines


@given(st.binary())
def test_anything_at_all_can_be_read(raw: bytes) -> None:
    """Every line is blank, a comment, a block or bad; nothing is raised."""
    takedown = parse_takedown(raw)
    assert len(takedown.blocks) + len(takedown.bad_lines) <= raw.count(b"\n") + 1


@given(st.lists(BLOCKS, min_size=1), st.binary().filter(lambda raw: b"\n" not in raw), st.data())
def test_no_line_changes_what_another_one_says(blocks: list[Block], junk: bytes, data: st.DataObject) -> None:
    """Whatever is put between two lines, the pins of the others stay blocked."""
    lines = [format_line(block) for block in blocks]
    at = data.draw(st.integers(0, len(lines)))
    spoilt = parse_takedown(b"".join([*lines[:at], junk + b"\n", *lines[at:]]))
    assert {block.pin_id for block in blocks} <= {block.pin_id for block in spoilt.blocks}


def test_without_a_file_nothing_is_blocked(tmp_path: Path) -> None:
    """Most artefacts have none."""
    assert read_takedown(tmp_path) == NOTHING_BLOCKED


def test_the_file_lies_beside_the_versions(tmp_path: Path) -> None:
    """A rebuild does not touch it."""
    (tmp_path / FILE).write_text("a\nb c\n")
    assert read_takedown(tmp_path).blocks == (Block("a"),)
    assert [type(each) for each in read_takedown(tmp_path).bad_lines] == [BadLine]


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    """A folder and a pipe are refused at once: nobody waits for a pipe to be written to."""
    (tmp_path / FILE).mkdir()
    with pytest.raises(TakedownError, match=f"{tmp_path}/blocked.txt cannot be read: "):
        read_takedown(tmp_path)
    (tmp_path / FILE).rmdir()
    os.mkfifo(tmp_path / FILE)
    with pytest.raises(TakedownError, match="it is not a file"):
        read_takedown(tmp_path)


def test_a_file_that_nobody_wrote_is_not_read_into_memory(tmp_path: Path) -> None:
    """65 MB of holes are no list of ids."""
    with (tmp_path / FILE).open("wb") as file:
        file.truncate(65 << 20)
    with pytest.raises(TakedownError, match=r"it is larger than 67,108,864 bytes"):
        read_takedown(tmp_path)
