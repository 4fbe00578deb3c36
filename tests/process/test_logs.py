"""Logs: one JSON object a line for machines, plain text for people, libraries' lines like our own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from process.user_hashes import User, user_hash

ROOT = Path(__file__).parents[2]

PROGRAM = """
import logging, structlog
from process.logs import configure_logs
configure_logs(log_format={log_format!r}, level={level!r}, said_by=dict(worker="1"))
log = structlog.get_logger()
log.info("ready", port=1)
log.warning("short", user="85123A")
logging.getLogger("some.library").warning("%s is odd", "this")
try:
    secret_of_a_frame = "hunter2"
    1 / 0
except ZeroDivisionError as error:
    log.error("failed", exc_info=error)
"""


def logged(log_format: str, level: str) -> list[str]:
    """The lines that a program with its stderr in a file leaves there."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM.format(log_format=log_format, level=level)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == ""
    return ran.stderr.splitlines()


def test_json_logs_are_one_object_a_line() -> None:
    """Each line parses, with its level and its time in UTC; a traceback is a field like any other."""
    ready, short, _, failed = (json.loads(line) for line in logged("auto", "info"))

    assert (ready["event"], ready["port"], ready["level"]) == ("ready", 1, "info")
    assert ready["timestamp"].endswith("Z")
    assert (short["event"], short["user"]) == ("short", "85123A")
    assert "ZeroDivisionError" in failed["exception"]


def test_libraries_log_in_the_same_form() -> None:
    """What a library logs through the standard library is one more line of ours, with its name."""
    line = json.loads(logged("json", "info")[2])

    assert (line["event"], line["level"], line["logger"]) == ("this is odd", "warning", "some.library")
    assert line["timestamp"].endswith("Z")


def test_each_line_says_which_process_it_is_of() -> None:
    """Of several workers whose lines are one stream, libraries' lines too."""
    assert {json.loads(line)["worker"] for line in logged("json", "info")} == {"1"}


def test_the_level_is_the_least_that_is_written() -> None:
    """Below the level nothing of ours is written."""
    assert [json.loads(line)["event"] for line in logged("json", "error")] == ["this is odd", "failed"]


def test_text_is_for_people() -> None:
    """A line reads as a sentence, without colours in a file, and a traceback shows no variable's value."""
    lines = logged("text", "warning")

    assert "short" in lines[0]
    assert "user=85123A" in lines[0]
    text = "\n".join(lines)
    assert "ZeroDivisionError" in text
    assert "\x1b" not in text
    assert "hunter2" not in text


ABOUT_A_USER = """
import structlog
from process.logs import configure_logs
from process.user_hashes import User, user_hash
configure_logs(log_format={log_format!r}, hash_user={hash_user})
log = structlog.get_logger()
log.warning("refused", user=User("ann"), reason="the record of user 'ann' is damaged")
log.warning("refused", user=User("bob"))
try:
    {{}}["ann"]
except KeyError as error:
    log.error("failed", user=User("ann"), exc_info=error)
"""


def about_a_user(log_format: str, hash_user: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", ABOUT_A_USER.format(log_format=log_format, hash_user=hash_user)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stderr


def test_a_users_id_becomes_a_hash() -> None:
    """The same user has the same hash wherever the salt is the same, and another one under another salt."""
    first, second, third = (
        json.loads(line) for line in about_a_user("json", "user_hash('pepper')").splitlines()
    )
    (other, *_) = (json.loads(line) for line in about_a_user("json", "user_hash('mint')").splitlines())

    assert first["user"] == third["user"] == user_hash("pepper")("ann")
    assert len({first["user"], second["user"], other["user"]}) == 3
    assert first["reason"] == "the record of user <user> is damaged"


@pytest.mark.parametrize("log_format", ["json", "text"])
@pytest.mark.parametrize("hash_user", ["None", "user_hash('pepper')"])
def test_no_line_shows_a_users_id(log_format: str, hash_user: str) -> None:
    """Neither a field nor an error's text nor a traceback, whatever the format, with a salt and without."""
    said = about_a_user(log_format, hash_user)

    # The program's own source is in the traceback: only what was logged counts.
    assert "'ann'" not in said.replace('{}["ann"]', "")
    assert repr(User("ann")) == str(User("ann")) == "<user>"
