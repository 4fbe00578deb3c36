"""Logs: one JSON object a line for machines."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def logged(log_format: str, level: str) -> str:
    program = (
        "import structlog; from process.logs import configure_logs; "
        f"configure_logs(log_format={log_format!r}, level={level!r}); log = structlog.get_logger(); "
        "log.info('ready', port=1); log.warning('short', user='85123A')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout == ""
    return ran.stderr


def test_json_logs_are_one_object_a_line() -> None:
    """Each line parses, with its level and its time in UTC."""
    first, second = (json.loads(line) for line in logged("auto", "info").splitlines())

    assert (first["event"], first["port"], first["level"]) == ("ready", 1, "info")
    assert first["timestamp"].endswith("Z")
    assert (second["event"], second["user"]) == ("short", "85123A")


def test_the_level_is_the_least_that_is_written() -> None:
    """Below the level nothing is written; text is for people."""
    lines = logged("text", "warning").splitlines()

    assert len(lines) == 1
    assert "short" in lines[0]
