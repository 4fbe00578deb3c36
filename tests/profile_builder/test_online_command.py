"""`python -m profile_builder online` as a person runs it: a process of its own, from its start to SIGTERM."""

import gc
import json
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import structlog

from profile_builder import bootstrap_online
from storage.events.opening import open_appender
from storage.events.records import Event
from storage.events.stream import EventAppender
from storage.model_file import write_model_file
from storage.profiles.lmdb.online import OnlineRecords
from storage.profiles.opening import open_batch_publisher
from storage.profiles.store import BatchManifest
from tests.profile_builder.conftest import Shop, Terminal
from tests.profile_builder.online_process import ROOT, running
from tests.profile_builder.online_world import DESCRIPTION
from tests.profile_builder.world import MODEL

_WATERMARK = "pinnersage_online_watermark_seconds"


@pytest.fixture(autouse=True)
def process_as_before() -> Iterator[None]:
    """A command that is run in this process sets up its logs, and Python's collector."""
    handlers, level, threshold = logging.root.handlers[:], logging.root.level, gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)
    structlog.reset_defaults()
    # What was said first settled where all is said: at a terminal that is closed by now.
    vars(bootstrap_online.log).pop("bind", None)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def test_a_day_in_its_life(shop: Shop, tmp_path: Path) -> None:
    """It begins before there is a stream or a batch, follows both, and ends at SIGTERM with all in files."""
    write_model_file(shop.model, MODEL)
    events, archive, now_s = tmp_path / "events.jsonl", tmp_path / "actions", int(time.time())
    given = ("--events", events, "--pins", shop.pins, "--profiles", shop.profiles, "--model", shop.model)
    records = OnlineRecords(shop.profiles)
    with running(*given, "--archive", archive) as process:
        with closing(open_appender(str(events))) as appender:
            appender.append([Event("ann", "cat-1", now_s, "save")])
            process.eventually(lambda: records.get("ann") is not None)
            open_batch_publisher(str(shop.profiles)).publish(
                (), (), lambda: BatchManifest(description=DESCRIPTION)
            )
            process.eventually(lambda: _follows(appender, records, now_s))
        # What a process says of itself it says after it has stored.
        process.eventually(lambda: process.metric(_WATERMARK) == DESCRIPTION.actions_until_s)
        process.eventually(lambda: process.metric("pinnersage_online_lag_bytes") == 0)
        said = process.end()
    assert '"event": "stopped"' in said
    records.close()
    read = [row for file in archive.rglob("*.parquet") for row in pq.ParquetFile(file).read().to_pylist()]
    assert {row["user_id"] for row in read} >= {"ann", "ben"}


def _follows(appender: EventAppender, records: OnlineRecords, now_s: int) -> bool:
    """Whether records are made with the batch's watermark by now."""
    appender.append([Event("ben", "cat-2", now_s, "save", f"{time.monotonic_ns()}")])
    ben = records.get("ben")
    return ben is not None and ben.actions_after_s == DESCRIPTION.actions_until_s


def test_what_keeps_it_from_beginning_is_said(shop: Shop, run: Terminal, tmp_path: Path) -> None:
    """One sentence, and what to do."""
    given = ["--events", tmp_path / "events.jsonl", "--pins", shop.pins, "--profiles", shop.profiles]
    assert run("online", *given) == 1
    assert f"no batch was published in {shop.profiles} yet: see whether --profiles says where" in run.err
    assert "publish one there, or say --model model.toml to begin without" in run.err
    write_model_file(shop.model, MODEL)
    given += ["--model", shop.model]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run("online", *given, "--metrics-port", port) == 1
        assert f"the Prometheus port 127.0.0.1:{port} cannot be opened" in run.err


@pytest.mark.parametrize("url", ["redis://127.0.0.1:6379/0", "ftp://x", "file:"])
def test_a_stream_that_is_none_is_refused(shop: Shop, run: Terminal, url: str) -> None:
    """Before anything is written."""
    write_model_file(shop.model, MODEL)
    given = ["--events", url, "--pins", shop.pins, "--profiles", shop.profiles, "--model", shop.model]
    assert run("online", *given, "--metrics-port", 0) == 1
    assert "profile_builder: events at " in run.err


def test_what_keeps_it_from_beginning_is_in_the_log(shop: Shop, tmp_path: Path) -> None:
    """As an error, for whoever collects lines of JSON and sees no other."""
    command = [sys.executable, "-m", "profile_builder", "online", "--metrics-port", "0"]
    given = ["--events", tmp_path / "events.jsonl", "--pins", shop.pins, "--profiles", shop.profiles]
    ended = subprocess.run(
        [*command, *map(str, given)], cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False
    )
    assert ended.returncode == 1
    line = json.loads(ended.stderr.splitlines()[0])
    assert (line["event"], line["level"]) == ("cannot count, so it ends", "error")
    assert "no batch was published in " in line["problem"]
