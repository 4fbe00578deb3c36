"""The whole demo, as `make demo` runs it."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from demo.emoji.bootstrap import UNTIL_S
from demo.emoji.pins import EmojiPin
from demo.histories import Histories
from demo.occupying import occupied
from demo.serving import served
from demo.worlds import World
from pinnersage.client import Client, Timeout
from storage.manifests import MANIFEST, Manifest, read_manifest
from storage.pins.artefact import pin_versions
from storage.profiles.lmdb.batch import batch_folder
from tests.waiting import HANG_S, JOB_S

ROOT = Path(__file__).parents[2]
PATIENT = Timeout(call_s=HANG_S)


def demo(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """`python -m demo` to its end."""
    command = [sys.executable, "-m", "demo", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=JOB_S)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo builds; shared, so that it builds once."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def told(out: Path) -> str:
    """What the first run tells."""
    ran = demo("--out", out)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_every_step_shows_its_command(told: str) -> None:
    """Who reads the demo has seen all five commands, in order."""
    programs = re.findall(r"(?m)^\$ \S+ -m (\S+(?: [a-z]+)?)", told)
    assert programs[:5] == [
        "demo.emoji",
        "index_builder build",
        "profile_builder calibrate",
        "profile_builder batch",
        "server",
    ]


def test_three_people_are_shown_with_several_interests(told: str) -> None:
    """Each has three to eight interests whose shares make a whole, and 400 candidates."""
    people = re.findall(r"(?m)^\S+: \d+ actions in 90 days, (\d) interests", told)
    assert len(people) == 3
    assert all(3 <= int(n) <= 8 for n in people)
    assert told.count("400 candidates from 3 sampled interests") == 3
    for block in re.findall(r"(?s)\(share of importance.*?\n\n", told):
        shares = [int(share) for share in re.findall(r"(?m)^\s+(\d+)%", block)]
        assert shares == sorted(shares, reverse=True)
        assert 96 <= sum(shares) <= 104


def test_every_candidate_is_explained(told: str) -> None:
    """Three reasons a person, five candidates under each, the nearest first."""
    groups = re.findall(r"(?m)^  because you saved .+\n((?: +-?\d\.\d\d  .+\n)+)", told)
    assert len(groups) == 9
    for group in groups:
        cosines = [float(line.split()[0]) for line in group.splitlines()]
        assert len(cosines) == 5
        assert cosines == sorted(cosines, reverse=True)


def test_skin_tones_and_unqualified_sequences_are_refined_away(told: str) -> None:
    """The artefact's summary shows what this world was made for."""
    assert "1,272 (below 0.5)" in told
    assert re.search(r"near-duplicates +2,0\d\d ", told)


def test_it_ends_with_what_to_type_next(told: str) -> None:
    """Server, client and grpcurl, ready to be copied, for a person who was shown."""
    ending = told.partition("Now you")[2]
    assert " -m server --pins " in ending
    assert "pinnersage recommend ada" in ending
    assert "pinnersage.v1.Recommender/Recommend" in ending


def test_the_second_run_builds_nothing(told: str, out: Path) -> None:
    """All four stages are finished before; people and answers are the same."""
    again = demo("--out", out)
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("(finished before, and nothing has changed)") == 4

    def people(text: str) -> str:
        return re.sub(r"in [\d.]+ ms", "", text[text.index("ada: ") : text.index("Now you")])

    assert people(again.stdout) == people(told)


def test_a_saved_tone_never_comes_back_as_its_twin(told: str, out: Path, pins: dict[str, EmojiPin]) -> None:
    """Whatever a person saved, no candidate has the same meaning: a wave in another tone is the same wave."""
    assert told
    world = World(data=out / "emoji" / "data", folder=out / "emoji")
    histories = Histories(world.data / "actions.parquet", None, until_s=UNTIL_S)
    saved_in_a_tone = 0
    with served(world) as address, Client(address, timeout=PATIENT) as client:
        for user_id in histories.readable_users()[:40]:
            saved = {pins[action.pin_id].meaning for action in histories.of(user_id)}
            saved_in_a_tone += any("skin-tone" in action.pin_id for action in histories.of(user_id))
            answer = client.recommend(user_id, max_candidates=1_000, max_interests=20)
            assert len(answer.candidates) == 1_000
            assert saved.isdisjoint(pins[each.pin_id].meaning for each in answer.candidates)
    assert saved_in_a_tone > 10


def test_what_somebody_else_made_live_is_replaced_by_the_demos_own(told: str, out: Path) -> None:
    """Pins and profiles of another embedding space in its folder: it publishes its own anew, and says how."""
    assert told
    world = World(data=out / "emoji" / "data", folder=out / "emoji")
    pins, profiles = pin_versions(world.pins), batch_folder(world.profiles)
    pins.publish(lambda draft: _of_another_space(draft, pins.folder()))
    profiles.publish(lambda draft: _of_another_space(draft, profiles.folder()))

    again = demo("--out", out)
    assert again.returncode == 0, again.stderr
    assert re.search(r"index_builder build .* --new-embedding-space --min-share-of-live 0\n", again.stdout)
    flags = "--replace-later --new-embedding-space --min-share-of-live 0"
    assert re.search(rf"profile_builder batch .* {flags}\n", again.stdout)
    assert "Now you" in again.stdout


def _of_another_space(draft: Path, live: Path) -> Manifest:
    """A version with the files of the live one, of a later time."""
    for path in live.iterdir():
        if path.name != MANIFEST:
            shutil.copyfile(path, draft / path.name)
    manifest = read_manifest(live, newest_format=99) | {"embedding_space": {"name": "shop-1", "dimension": 3}}
    del manifest["files"]
    return manifest | ({"actions_until_s": UNTIL_S + 1} if "actions_until_s" in manifest else {})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_server_is_stopped_however_the_demo_ends(told: str, out: Path, number: signal.Signals) -> None:
    """Ctrl-C, a request to end, a closed terminal: no process stays, and there is no traceback."""
    assert told
    with started_demo(out) as process:
        assert process.stdout is not None
        assert any(line.startswith("serving on") for line in process.stdout)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=HANG_S)
    assert process.returncode == 130
    assert len(children) == 1
    assert not children[0].is_running()
    assert "Traceback" not in stderr


@contextmanager
def started_demo(out: Path) -> Iterator["subprocess.Popen[str]"]:
    """A demo that shows more than its pipe holds: it cannot end before somebody reads it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "demo", "--out", str(out), "--users", "20"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pipesize=4_096,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_second_demo_in_the_same_folder_waits_its_turn(told: str, out: Path) -> None:
    """It would write into the files that the first one reads: it is told, and nothing is harmed."""
    assert told
    with occupied(out / "emoji"):
        second = demo("--out", out)
    assert second.returncode == 1
    assert second.stderr == (
        f"demo: another demo is at work in {out / 'emoji'}: "
        "wait until it has ended, or name another folder with --out\n"
    )


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Before anything is built, with what to do."""
    (tmp_path / "file").touch()
    ran = demo("--out", tmp_path / "file")
    assert ran.returncode == 1
    assert ran.stderr == (
        f"demo: {tmp_path / 'file' / 'emoji'} cannot be written: Not a directory."
        " Name another folder with --out\n"
    )


@pytest.mark.parametrize("name", ["data", "my data"])
def test_make_hands_the_folder_on_as_one_argument(tmp_path: Path, name: str) -> None:
    """Whatever blanks are in its name; and a leading ~ is the home folder."""
    for folder in (tmp_path / name, Path("~") / name):
        ran = subprocess.run(
            ["make", "--no-print-directory", "--dry-run", "demo", f"DATA={folder}"],
            cwd=ROOT,
            env=os.environ | {"HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        last = shlex.split(ran.stdout.splitlines()[-1])
        assert last[-2:] == ["--data", str(tmp_path / name)]


def test_a_folder_without_a_data_set_is_refused(tmp_path: Path) -> None:
    """The message names the file that is missing and what to write into it."""
    ran = demo("--data", tmp_path, "--out", tmp_path / "out")
    assert ran.returncode == 1
    assert ran.stderr.startswith("demo: ")
    assert "dataset.toml" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_data_set_without_actions_is_refused(tmp_path: Path) -> None:
    """There is nobody to show."""
    (tmp_path / "pins.parquet").touch()
    (tmp_path / "dataset.toml").write_text('name = "x"\npins = "pins.parquet"\nembedding_space = "y"\n')
    ran = demo("--data", tmp_path, "--out", tmp_path / "out")
    assert ran.returncode == 1
    assert "names no actions" in ran.stderr
    assert 'actions = "actions.parquet"' in ran.stderr


def test_a_stage_that_fails_says_so(tmp_path: Path) -> None:
    """The stage's own sentence comes first, then the demo's, with the command."""
    for name in ("pins.parquet", "actions.parquet"):
        (tmp_path / name).write_text("this is no parquet file")
    toml = 'name = "x"\npins = "pins.parquet"\nactions = "actions.parquet"\nembedding_space = "y"\n'
    (tmp_path / "dataset.toml").write_text(toml)
    ran = demo("--data", tmp_path, "--out", tmp_path / "out")
    assert ran.returncode == 1
    assert re.search(
        r"(?s)^index_builder: .*pins\.parquet.*\ndemo: `.* -m index_builder build .*` ended", ran.stderr
    )
    assert "Traceback" not in ran.stderr


@pytest.fixture
def film_fans(tmp_path: Path) -> Path:
    """Of movietweetings only the people with many good ratings in the window, and the films they rated."""
    source = Path(os.environ.get("PINNERSAGE_DATASETS", ROOT / "../shared/datasets")) / "movietweetings"
    if not source.exists():
        pytest.skip("the data set movietweetings is not here; PINNERSAGE_DATASETS can name its parent folder")
    folder = tmp_path / "films"
    folder.mkdir()
    shutil.copyfile(source / "dataset.toml", folder / "dataset.toml")
    actions, pins = pq.read_table(source / "actions.parquet"), pq.read_table(source / "pins_text384.parquet")
    in_window = pc.field("timestamp") > pc.max(actions["timestamp"]).as_py() - 90 * 86_400
    good = actions.filter(in_window & (pc.field("action") == "rate_high"))
    counts = good.group_by("user_id").aggregate([("pin_id", "count")])
    fans = counts.filter(pc.field("pin_id_count") >= 25)["user_id"].to_pylist()
    theirs = good.filter(pc.field("user_id").isin(fans))
    pq.write_table(theirs, folder / "actions.parquet")
    films = pins.filter(pc.field("pin_id").isin(theirs["pin_id"].unique().to_pylist()))
    pq.write_table(films, folder / "pins_text384.parquet")
    return folder


@pytest.mark.slow
@pytest.mark.data
def test_any_other_data_set_is_shown_the_same_way(film_fans: Path, tmp_path: Path) -> None:
    """Real people's films: reasons do not claim that anybody saved anything."""
    ran = demo("--data", film_fans, "--out", tmp_path / "out", "--users", "1")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("because of ") == 3
    assert "because you saved" not in ran.stdout
