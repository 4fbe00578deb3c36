"""The chart's scripts, run: artefacts that are fetched and pushed, and a Valkey that is started."""

import os
import subprocess
from pathlib import Path

import pytest
import redis

from storage.publishing import VersionedFolder
from tests.deployment.scripts import SCRIPTS, caller, valkey, wait_for_valkey, with_program
from tests.end_to_end.processes import tool
from tests.ports import free_port
from tests.waiting import HANG_S, wait_until


def publish(root: Path, content: str) -> str:
    """A new version with one file."""

    def write(folder: Path) -> dict[str, object]:
        (folder / "data").write_text(content)
        return {"format": 1, "content": content}

    return VersionedFolder(root).publish(write).version


def run(script: str, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCRIPTS / script), *map(str, arguments)],
        env=with_program(tool("rclone")) | {"RCLONE_CONFIG": os.devnull} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_S,
    )


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """Object storage, as rclone sees it: here a folder."""
    return tmp_path / "bucket"


@pytest.mark.tool
def test_what_is_live_is_fetched_whole(bucket: Path, tmp_path: Path) -> None:
    """A version, what was added beside it, and the takedown list; a second time only what is new."""
    first = publish(bucket, "first")
    publish(bucket / "side", "added")
    (bucket / "blocked.txt").write_text("85123A\n")
    ours = tmp_path / "ours"
    ours.mkdir()

    assert run("fetch.sh", bucket, ours).returncode == 0
    folder = VersionedFolder(ours)
    assert folder.current() == first
    assert (folder.folder() / "data").read_text() == "first"
    assert VersionedFolder(ours / "side").current().startswith("000001-")
    assert (ours / "blocked.txt").read_text() == "85123A\n"

    second = publish(bucket, "second")
    third = publish(bucket, "third")
    said = run("fetch.sh", bucket, ours)
    assert VersionedFolder(ours).current() == third
    assert f"fetched {bucket}/{third}" in said.stdout
    assert second not in said.stdout
    publish(bucket, "fourth")
    run("fetch.sh", bucket, ours)
    # The live one, and the one before it, which a server may still read.
    assert [each.name[:6] for each in VersionedFolder(ours).versions()] == ["000003", "000004"]


@pytest.mark.tool
def test_a_rollback_is_followed(bucket: Path, tmp_path: Path) -> None:
    """What is live is what the bucket says, also when that is an older version."""
    first = publish(bucket, "first")
    publish(bucket, "second")
    ours = tmp_path / "ours"
    ours.mkdir()
    run("fetch.sh", bucket, ours)
    VersionedFolder(bucket).make_current(first)
    run("fetch.sh", bucket, ours)
    assert VersionedFolder(ours).current() == first


@pytest.mark.tool
def test_a_fetch_that_fails_changes_nothing(bucket: Path, tmp_path: Path) -> None:
    """A version of which half is there is not shown; what was live still is, and the next fetch mends it."""
    first = publish(bucket, "first")
    ours = tmp_path / "ours"
    ours.mkdir()
    run("fetch.sh", bucket, ours)
    second = publish(bucket, "second")
    hidden = tmp_path / "hidden"
    (bucket / second).rename(hidden)
    failed = run("fetch.sh", bucket, ours)
    assert failed.returncode != 0
    assert VersionedFolder(ours).current() == first
    hidden.rename(bucket / second)
    assert run("fetch.sh", bucket, ours).returncode == 0
    assert VersionedFolder(ours).current() == second


@pytest.mark.tool
def test_what_the_disk_damaged_is_fetched_again(bucket: Path, tmp_path: Path) -> None:
    """With the next start at once; by who follows within the hour, and not before, for it takes reading."""
    live = publish(bucket, "first")
    ours = tmp_path / "ours"
    ours.mkdir()
    run("fetch.sh", bucket, ours)
    data = ours / live / "data"

    def damage() -> None:
        data.write_text("fir5t")

    damage()
    following = {"COMPARE_EVERY_MIN": "60"}
    assert run("fetch.sh", bucket, ours, **following).returncode == 0
    assert data.read_text() == "fir5t"
    os.utime(ours / ".compared", (0, 0))
    said = run("fetch.sh", bucket, ours, **following)
    assert (said.returncode, data.read_text()) == (0, "first"), said.stderr
    damage()
    # What is damaged is better than nothing.
    (bucket / live).rename(bucket / "away")
    assert run("fetch.sh", bucket, ours).returncode != 0
    assert data.read_text() == "fir5t"
    (bucket / "away").rename(bucket / live)
    assert run("fetch.sh", bucket, ours).returncode == 0
    assert data.read_text() == "first"


@pytest.mark.tool
def test_a_folder_that_is_no_version_keeps_no_pins_away(bucket: Path, tmp_path: Path) -> None:
    """Added pins of which none are live yet, and files whose names only resemble those of ours."""
    live = publish(bucket, "first")
    publish(bucket / "side", "added")
    (bucket / "side" / "CURRENT").unlink()
    (bucket / "blocked.txt.bak").write_text("85123A\n")
    (bucket / "CURRENT.bak").write_text("nonsense\n")
    ours = tmp_path / "ours"
    ours.mkdir()
    said = run("fetch.sh", bucket, ours)
    assert said.returncode == 0, said.stderr
    assert VersionedFolder(ours).current() == live
    assert not (ours / "blocked.txt").exists()


@pytest.mark.tool
def test_before_the_first_build_there_is_nothing_to_fetch(bucket: Path, tmp_path: Path) -> None:
    """Said, and no failure: the job that builds begins with a fetch, too."""
    ran = run("fetch.sh", bucket, tmp_path)
    assert ran.returncode == 0
    assert "nothing is live" in ran.stderr


@pytest.mark.tool
def test_following_goes_on_until_it_is_told_to_end(bucket: Path, tmp_path: Path) -> None:
    """A new version comes by itself, failures are said and tried again, SIGTERM ends it at once."""
    publish(bucket, "first")
    ours = tmp_path / "ours"
    ours.mkdir()
    said = tmp_path / "said"
    with said.open("w") as log:
        following = subprocess.Popen(
            [str(SCRIPTS / "fetch.sh"), str(bucket), str(ours), "0.1"],
            env=with_program(tool("rclone")) | {"RCLONE_CONFIG": os.devnull},
            stdout=subprocess.DEVNULL,
            stderr=log,
        )

    def failures() -> int:
        return said.read_text().count(f"cannot fetch {bucket}")

    try:
        wait_until((ours / "CURRENT").exists, said.read_text)
        second = publish(bucket, "second")
        wait_until(lambda: VersionedFolder(ours).current() == second, said.read_text)
        before = failures()
        (bucket / "CURRENT").write_text("nonsense\n")
        wait_until(lambda: failures() >= before + 2, said.read_text)
        assert following.poll() is None
        assert VersionedFolder(ours).current() == second
    finally:
        following.terminate()
    assert following.wait(HANG_S) == 0


@pytest.mark.tool
def test_what_was_built_is_pushed_live_last(bucket: Path, tmp_path: Path) -> None:
    """The bucket holds the version, then its name; what somebody blocked there meanwhile stays."""
    bucket.mkdir()
    (bucket / "blocked.txt").write_text("85123A\n")
    built = tmp_path / "built"
    version = publish(built, "first")
    (built / "blocked.txt").write_text("")
    (built / "rejects.jsonl").write_text("")
    assert run("push.sh", built, bucket).returncode == 0
    assert VersionedFolder(bucket).current() == version
    assert (bucket / "blocked.txt").read_text() == "85123A\n"
    assert not (bucket / "rejects.jsonl").exists()
    ours = tmp_path / "ours"
    ours.mkdir()
    run("fetch.sh", bucket, ours)
    assert VersionedFolder(ours).current() == version


@pytest.mark.tool
def test_a_night_without_news_is_pushed_and_fetched(bucket: Path, tmp_path: Path) -> None:
    """The version stays, and pods that have it learn that a build came to it again."""
    built, ours = tmp_path / "built", tmp_path / "ours"
    ours.mkdir()
    version = publish(built, "the same")
    os.utime(built / version / "manifest.json", (1_000, 1_000))
    run("push.sh", built, bucket)
    run("fetch.sh", bucket, ours)
    os.utime(built / version / "manifest.json", (2_000, 2_000))
    pushed = run("push.sh", built, bucket)
    assert pushed.returncode == 0, pushed.stderr
    assert run("fetch.sh", bucket, ours).stdout == ""
    assert (ours / version / "manifest.json").stat().st_mtime == 2_000


@pytest.mark.parametrize("password", ["", 'a "quoted" \\ one'])
def test_valkey_is_set_up_as_the_profiles_need_it(tmp_path: Path, password: str) -> None:
    """Nothing is evicted, everything is logged, and without the password nobody is answered."""
    (tmp_path / "run").mkdir()
    port = free_port()
    with valkey(tmp_path, port, password), caller(port, password) as client:
        wait_for_valkey(client)
        wanted = {
            "maxmemory": str(64 * 1024**2),
            "maxmemory-policy": "noeviction",
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
        }
        assert {name: client.config_get(name)[name] for name in wanted} == wanted
        if password:
            with caller(port) as stranger, pytest.raises(redis.AuthenticationError):
                stranger.ping()


def test_valkey_is_taught_a_second_password(tmp_path: Path) -> None:
    """As docs/operations.md has it changed: with both of them callers are answered, until it starts again."""
    (tmp_path / "run").mkdir()
    port = free_port()
    with valkey(tmp_path, port, "old"), caller(port, "old") as client:
        wait_for_valkey(client)
        client.execute_command("ACL", "SETUSER", "default", ">new")
        for password in ("old", "new"):
            with caller(port, password) as known:
                assert known.ping()
        with caller(port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()


def test_scripts_are_what_a_shell_reads() -> None:
    """Each is plain sh, that of the images, without a slip of syntax."""
    for script in SCRIPTS.glob("*.sh"):
        assert script.read_text().startswith("#!/bin/sh\n"), script
        assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0, script
