"""The commands as a person meets them: what they print, what they refuse, and how."""

import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from index_builder.build import BuildPolicy, build
from process.progress import Reporter
from profile_builder.bootstrap import batch as run_batch
from profile_builder.settings import BatchSettings
from storage.errors import TooManyRejectsError
from storage.model_file import read_model_file
from storage.pins.artefact import pin_versions
from storage.profiles.lmdb.batch import batch_folder
from storage.profiles.opening import open_reader
from storage.profiles.store import BatchDescription
from storage.publishing import Manifest
from tests.profile_builder.conftest import Shop, Terminal
from tests.profile_builder.world import DAY_S, NEWEST_S, SPACE, Act, light_users, write_actions

FEWER = ("--min-share-of-live", 0)


def calibrate(run: Terminal, shop: Shop, *flags: object) -> int:
    return run("calibrate", "--data", shop.data, "--pins", shop.pins, "--out", shop.model, *flags)


def batch(run: Terminal, shop: Shop, *flags: object) -> int:
    given = ("--pins", shop.pins, "--model", shop.model, "--profiles", shop.profiles, "--processes", 1)
    return run("batch", *given, *(flags if "--actions" in flags else ("--data", shop.data, *flags)))


@pytest.fixture
def calibrated(run: Terminal, shop: Shop) -> Shop:
    assert calibrate(run, shop) == 0, run.err
    return shop


def test_calibrate_and_batch_do_the_job(run: Terminal, shop: Shop) -> None:
    """From a folder with a dataset.toml to profiles that a server can read."""
    assert calibrate(run, shop) == 0
    assert "60 light users (10 to 30 pins) have a median of 4 interests" in run.out
    assert [line.split("  ")[1] for line in run.err.splitlines()] == [
        "Look at times",
        "Read actions",
        "Cluster users",
    ]

    assert batch(run, shop) == 0
    version = batch_folder(shop.profiles).current()
    model = re.search(r"model +(\w{12}), alpha (\S+)", run.out)
    assert model is not None
    assert run.out.splitlines() == [
        "  users             62",
        "  interests a user  median 4, p90 4, p99 4, most 4",
        "  no usable action  2 users",
        "  capped            0 users, at their newest 2,000 actions",
        "  window            2023-08-16 22:13:20 UTC to 2023-11-14 22:13:20 UTC: 732 actions of 733 rows",
        f"  rows left out     1 unknown pin (bad rows and unknown pins: {shop.profiles}/batch-rejects.jsonl)",
        f"  model             {model[1]}, alpha {model[2]}",
        f"  version           {version}",
        f"  in                {shop.profiles}/batch/{version}",
    ]
    reader = open_reader(str(shop.profiles))
    assert reader.describe().n_users == 62
    assert reader.describe().parameters_version == model[1]
    reader.close()


def test_a_second_batch_says_that_nothing_is_new(run: Terminal, calibrated: Shop) -> None:
    """The same input, the same version."""
    assert batch(run, calibrated) == 0
    assert batch(run, calibrated, "--processes", 2) == 0
    assert "(the same as before: nothing was written)" in run.out


def test_now_may_be_written_as_people_do(run: Terminal, calibrated: Shop) -> None:
    """A date; the last hour before it is left out, or as long as --allowed-lateness-s says."""
    assert batch(run, calibrated, "--now", "2023-11-14T22:30:00Z", "--allowed-lateness-s", 1_800) == 0
    assert "2023-08-16 22:30:00 UTC to 2023-11-14 22:00:00 UTC" in run.out
    assert "after the window" in run.out


def test_actions_may_come_from_elsewhere(run: Terminal, calibrated: Shop) -> None:
    """Beside a data set they are weighed by its table; alone each counts 1."""
    path = write_actions(
        calibrated.out / "log" / "a.parquet", [Act("eve", "cat-1", action="look"), Act("ann", "cat-1")]
    )
    assert batch(run, calibrated, "--actions", path, "--data", calibrated.data) == 0
    assert "users             1\n" in run.out
    assert batch(run, calibrated, "--actions", path.parent) == 0
    assert "users             2\n" in run.out


def test_the_rejects_may_go_elsewhere(run: Terminal, calibrated: Shop) -> None:
    """Into a folder of their own."""
    assert batch(run, calibrated, "--rejects", calibrated.out / "logs" / "bad.jsonl") == 0
    assert '"reason": "unknown pin"' in (calibrated.out / "logs" / "bad.jsonl").read_text()


@pytest.fixture
def two(run: Terminal, calibrated: Shop) -> tuple[str, str]:
    """Two batches: that of the whole data set, and one of a bad night."""
    assert batch(run, calibrated) == 0
    good = batch_folder(calibrated.profiles).current()
    actions = write_actions(calibrated.out / "bad.parquet", [Act("ann", "cat-1", days=7)])
    assert batch(run, calibrated, "--actions", actions, "--replace-later", *FEWER) == 0
    return good, batch_folder(calibrated.profiles).current()


def test_batches_are_listed(run: Terminal, calibrated: Shop, two: tuple[str, str]) -> None:
    """One line each, oldest first, a star at the live one."""
    model = read_model_file(calibrated.model).version
    assert run("list", "--profiles", calibrated.profiles) == 0
    assert [line.rpartition("  ")[0].rstrip() for line in run.out.splitlines()] == [
        "version          live  users  computed at              model         embedding space",
        f"{two[0]}           62  2023-11-14 22:13:20 UTC  {model}  topics-1",
        f"{two[1]}  *         1  2023-11-07 22:13:20 UTC  {model}  topics-1",
    ]


def test_a_damaged_batch_hides_no_other(run: Terminal, calibrated: Shop, two: tuple[str, str]) -> None:
    """It says below what is wrong with it."""
    manifest = batch_folder(calibrated.profiles).folder(two[1]) / "manifest.json"
    manifest.unlink()
    assert run("list", "--profiles", calibrated.profiles) == 0
    assert run.out.splitlines()[2].split() == [two[1], "*", *"?????"]
    assert run.out.splitlines()[3].startswith(f"! {two[1]}: {manifest} is missing")


def test_without_a_name_it_is_one_night_back(run: Terminal, calibrated: Shop, two: tuple[str, str]) -> None:
    """And no further than there is one."""
    assert run("rollback", "--profiles", calibrated.profiles) == 0
    assert run.out == f"{two[0]} is live in {calibrated.profiles}.\n"
    said = refused(run, run("rollback", "--profiles", calibrated.profiles))
    assert "holds no whole version older than the live one" in said


def test_old_nights_are_collected_unless_they_are_read(
    run: Terminal, calibrated: Shop, two: tuple[str, str]
) -> None:
    """The live one and the one before it stay, and so does what a server has open."""
    reader = open_reader(str(calibrated.profiles))
    third = batch_folder(calibrated.profiles).publish(_any_batch).version
    fourth = batch_folder(calibrated.profiles).publish(_another_batch).version
    assert run("prune", "--profiles", calibrated.profiles, "--keep", "1") == 0
    assert re.sub(r"[\d.]+ MB", "N MB", run.out).splitlines() == [
        f"  {two[0]}  collected, N MB",
        f"  {two[1]}  kept: in use",
        f"  {third}  kept: to roll back to",
        f"  {fourth}  kept: live",
        "1 version collected, N MB freed.",
    ]
    reader.close()
    assert run("prune", "--profiles", calibrated.profiles, "--keep", "1") == 0
    assert f"  {two[1]}  collected" in run.out


def _any_batch(folder: Path) -> Manifest:
    (folder / "profiles.lmdb").write_text("a")
    return {}


def _another_batch(folder: Path) -> Manifest:
    (folder / "profiles.lmdb").write_text("b")
    return {}


def test_a_bad_night_is_rolled_back(run: Terminal, calibrated: Shop, two: tuple[str, str]) -> None:
    """Everybody has the profile of the day before."""
    assert run("rollback", two[0], "--profiles", calibrated.profiles) == 0
    assert run.out == f"{two[0]} is live in {calibrated.profiles}.\n"
    reader = open_reader(str(calibrated.profiles))
    assert reader.describe().n_users == 62
    reader.close()


def refused(run: Terminal, status: int) -> str:
    """The one sentence that was said besides progress; never a traceback."""
    assert status != 0
    assert "Traceback" not in run.err
    return run.err[run.err.index("profile_builder: ") :]


def test_a_late_batch_takes_no_later_ones_place(run: Terminal, calibrated: Shop) -> None:
    """The folder keeps its batch, and the sentence says how to have the late one all the same."""
    assert batch(run, calibrated) == 0
    live = batch_folder(calibrated.profiles).current()
    said = refused(run, batch(run, calibrated, "--now", "2023-11-01"))
    assert f"the live batch in {calibrated.profiles} has actions until 1700000000, this one until" in said
    assert batch_folder(calibrated.profiles).current() == live
    assert batch(run, calibrated, "--now", "2023-11-01", "--replace-later") == 0


def test_a_batch_of_far_fewer_users_takes_no_place_unasked(run: Terminal, calibrated: Shop) -> None:
    """Actions that were cut short leave everybody else the profile they had."""
    assert batch(run, calibrated) == 0
    live = batch_folder(calibrated.profiles).current()
    few = write_actions(calibrated.out / "few.parquet", light_users(30))
    said = refused(run, batch(run, calibrated, "--actions", few))
    assert f"this version has 30 users, the live one in {calibrated.profiles} has 62, so it was not" in said
    assert batch_folder(calibrated.profiles).current() == live

    assert batch(run, calibrated, "--actions", few, "--min-share-of-live", "0.4") == 0
    assert batch(run, calibrated, "--actions", few) == 0


def test_a_batch_of_another_embedding_space_takes_no_place_unasked(
    run: Terminal, calibrated: Shop, tmp_path: Path
) -> None:
    """Before any action is read; the live batch and the list of its bad rows stay as they are."""
    assert batch(run, calibrated) == 0
    live, rejects = batch_folder(calibrated.profiles).current(), calibrated.profiles / "batch-rejects.jsonl"
    before, pins, model = rejects.read_bytes(), tmp_path / "other-pins", tmp_path / "other.toml"
    build(
        calibrated.data / "pins.parquet",
        "other-1",
        pin_versions(pins),
        rejects_path=tmp_path / "bad.jsonl",
        policy=BuildPolicy(),
        reporter=Reporter(quiet=True),
    )
    source = ("--actions", calibrated.data / "actions.parquet", "--pins", pins)
    assert run("calibrate", *source, "--out", model) == 0
    other = ("batch", *source, "--model", model, "--profiles", calibrated.profiles)

    said = refused(run, run(*other))
    assert "Look at times" not in run.err
    assert f"the live batch in {calibrated.profiles} is of embedding space {SPACE}" in said
    assert "See whether --profiles says where it should go" in said
    assert (batch_folder(calibrated.profiles).current(), rejects.read_bytes()) == (live, before)

    assert run(*other, "--new-embedding-space") == 0
    assert batch_folder(calibrated.profiles).current() != live


def test_an_empty_window_says_when_the_actions_were(run: Terminal, calibrated: Shop) -> None:
    """Ten years too late."""
    said = refused(run, batch(run, calibrated, "--now", "2033-01-01"))
    assert "no action lies in the window" in said
    assert "to 2023-11-14 22:13:20 UTC. Give a --now near the latter, or leave it out." in said


def test_one_impossible_time_empties_no_window(run: Terminal, shop: Shop) -> None:
    """Both commands look back from the newest time they believe, and name the row they do not."""
    acts = [*light_users(60), Act("ann", "cat-1", days=-400)]
    actions = write_actions(shop.out / "a.parquet", acts)
    warning = (
        "Warning: the window ends before 1 of the actions, too far ahead of all others to be believed; the "
        "newest is of 2024-12-18 22:13:20 UTC (row 720 of a.parquet). If that is right, give a --now."
    )
    assert calibrate(run, shop, "--actions", actions) == 0
    assert run.out.splitlines()[-1] == warning
    assert batch(run, shop, "--actions", actions) == 0
    assert run.out.splitlines()[-1] == warning
    assert "  users             60" in run.out.splitlines()

    assert batch(run, shop, "--actions", actions, "--now", "2024-12-19", *FEWER) == 0
    assert "  users             1" in run.out.splitlines()
    assert "Warning" not in run.out


def settings_of(shop: Shop, actions: Path, now: str | None = None) -> BatchSettings:
    return BatchSettings(
        pins=shop.pins,
        model=shop.model,
        profiles=str(shop.profiles),
        actions=actions,
        now=now,
        processes=1,
        min_share_of_live=0.0,
    )


def described(shop: Shop) -> BatchDescription:
    reader = open_reader(str(shop.profiles))
    live = reader.describe()
    reader.close()
    return live


def test_now_is_when_the_batch_begins(calibrated: Shop) -> None:
    """And an action ahead of that is a later batch's."""
    acts = [*light_users(60), Act("ann", "cat-1", days=-1)]
    actions = write_actions(calibrated.out / "a.parquet", acts)
    run_batch(settings_of(calibrated, actions, "now"), clock=lambda: NEWEST_S + 7_200.9)

    live = described(calibrated)
    assert (live.computed_at_s, live.actions_until_s) == (NEWEST_S + 7_200, NEWEST_S + 3_600)
    assert live.n_users == 60


def test_an_action_ahead_of_the_clock_moves_no_window(
    calibrated: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """One row would switch off every user's newest actions until its time; it is said and listed."""
    acts = [*light_users(60), Act("ann", "cat-1", days=-25), Act("ben", "cat-1", days=-1 / 24)]
    actions = write_actions(calibrated.out / "a.parquet", acts)
    run_batch(settings_of(calibrated, actions), clock=lambda: float(NEWEST_S))

    assert described(calibrated).actions_until_s == NEWEST_S + 3_600
    assert "1 time in the future" in capsys.readouterr().out
    listed = (calibrated.profiles / "batch-rejects.jsonl").read_text()
    assert f'"reason": "time in the future", "value": {NEWEST_S + 25 * DAY_S}' in listed

    run_batch(settings_of(calibrated, actions, str(NEWEST_S + 26 * DAY_S)), clock=lambda: float(NEWEST_S))
    assert described(calibrated).actions_until_s == NEWEST_S + 26 * DAY_S - 3_600


def test_a_clock_that_is_behind_spoils_no_batch(calibrated: Shop) -> None:
    """Where too much is ahead of it nothing is published, as with whatever else is wrong with rows."""
    actions = write_actions(calibrated.out / "a.parquet", light_users(60))
    with pytest.raises(TooManyRejectsError, match="x time in the future"):
        run_batch(settings_of(calibrated, actions), clock=lambda: float(NEWEST_S - 10 * DAY_S))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--now", "yesterday"), "--now yesterday: write now, Unix seconds"),
        (("--engine", "flink"), "Invalid value for '--engine'"),
        (("--processes", "-1"), "Invalid value for '--processes'"),
        (("--max-reject-share", "2"), "Invalid value for '--max-reject-share'"),
        (("--max-actions", "0"), "Invalid value for '--max-actions'"),
        (
            ("--actions", "nothing.parquet"),
            "nothing.parquet does not exist: actions are a parquet file, or a folder",
        ),
        (("--data", "nowhere"), "nowhere/dataset.toml does not exist. Write one"),
        (("--pins", "nowhere"), "nowhere is not a folder that exists. Run: python -m index_builder build"),
        (
            ("--model", "nowhere.toml"),
            "nowhere.toml does not exist. Make one with: python -m profile_builder calibrate",
        ),
        (
            ("--profiles", "memcached://me:secret@host"),
            "profiles at memcached://: there is no such store",
        ),
    ],
)
def test_a_wrong_flag_is_named(run: Terminal, calibrated: Shop, flags: tuple[str, str], message: str) -> None:
    """In a sentence, with what to do."""
    assert message in refused(run, batch(run, calibrated, *flags))
    assert not (calibrated.profiles / "batch").exists()


def test_an_engine_that_is_not_there_is_named(run: Terminal, calibrated: Shop) -> None:
    """With those that are."""
    assert "is not one of 'local', 'spark'" in refused(run, batch(run, calibrated, "--engine", "flink"))


@pytest.mark.skipif(find_spec("pyspark") is not None, reason="Spark is installed")
def test_without_spark_a_person_hears_what_to_install(run: Terminal, calibrated: Shop) -> None:
    """One sentence, before anything is read."""
    message = refused(run, batch(run, calibrated, "--engine", "spark"))
    assert "--engine spark needs pyspark, which is not installed here: pip install" in message


def test_without_actions_a_person_hears_where_they_come_from(run: Terminal, calibrated: Shop) -> None:
    """Neither flag; or a data set that names none."""
    flags = ("--pins", calibrated.pins, "--model", calibrated.model, "--profiles", calibrated.profiles)
    assert "no actions are given: say --data FOLDER or --actions PATH" in refused(run, run("batch", *flags))

    bare = calibrated.out / "bare"
    bare.mkdir()
    (bare / "p.parquet").touch()
    (bare / "dataset.toml").write_text('name = "a"\npins = "p.parquet"\nembedding_space = "topics-1"\n')
    said = refused(run, run("batch", *flags, "--data", bare))
    assert f'{bare} names no actions: add actions = "actions.parquet" to its dataset.toml' in said


def test_a_model_of_another_embedding_space_is_refused(run: Terminal, calibrated: Shop) -> None:
    """Its alpha means nothing here; nothing is published."""
    text = calibrated.model.read_text()
    calibrated.model.write_text(text.replace('name = "topics-1"', 'name = "topics-2"'))
    said = refused(run, batch(run, calibrated))

    assert "the pin artefact is of embedding space topics-1 (8 dimensions), the model file" in said
    assert "is of topics-2 (8 dimensions): their vectors cannot be compared" in said
    assert not (calibrated.profiles / "batch").exists()


def test_rolling_back_to_nowhere_names_what_is_there(
    run: Terminal, calibrated: Shop, two: tuple[str, str]
) -> None:
    """The live batch stays."""
    said = refused(run, run("rollback", "000009-00000000", "--profiles", calibrated.profiles))
    assert f"no version '000009-00000000'. Versions there: {two[0]}, {two[1]}." in said
    assert batch_folder(calibrated.profiles).current() == two[1]


@pytest.mark.parametrize(
    ("profiles", "message"),
    [
        ("nowhere", "nowhere/batch is not a folder that exists. Run: python -m profile_builder batch"),
        ("memcached://host", "profiles at memcached://: there is no such store"),
    ],
)
def test_a_list_of_nothing_says_why(run: Terminal, profiles: str, message: str) -> None:
    """A wrong folder, or a new installation."""
    assert message in refused(run, run("list", "--profiles", profiles))


@pytest.mark.parametrize("command", [calibrate, batch])
def test_a_data_set_of_another_embedding_space_is_refused(
    run: Terminal, calibrated: Shop, command: Callable[..., int]
) -> None:
    """The wrong folder for this artefact."""
    other = calibrated.out / "other"
    other.mkdir()
    for path in calibrated.data.iterdir():
        (other / path.name).write_bytes(path.read_bytes().replace(b'"topics-1"', b'"topics-9"'))
    said = refused(run, command(run, calibrated, "--data", other))
    assert (
        f"the data set {other} is of embedding space topics-9 (8 dimensions), the pin artefact is of" in said
    )


def test_times_in_milliseconds_are_said(run: Terminal, calibrated: Shop) -> None:
    """By both commands, before anything is made of them."""
    far = (NEWEST_S - NEWEST_S * 1_000) / 86_400
    path = write_actions(calibrated.out / "ms.parquet", [Act("ann", "cat-1", days=far)])
    assert "the times are in milliseconds, not in seconds" in refused(
        run, batch(run, calibrated, "--actions", path)
    )
    said = refused(run, calibrate(run, calibrated, "--actions", path))
    assert "which then means 2023-11-14 22:13:20 UTC. Divide the column by 1,000." in said


def test_another_model_is_not_written_over(run: Terminal, calibrated: Shop) -> None:
    """Unless it is said to be meant."""
    calibrated.model.write_text(re.sub(r"alpha = \S+", "alpha = 0.5", calibrated.model.read_text()))
    assert "or say --replace" in refused(run, calibrate(run, calibrated))
    assert calibrate(run, calibrated, "--replace") == 0


@pytest.mark.parametrize("out", [".", "/", "profiles"])
def test_a_folder_is_no_model_file(
    run: Terminal, shop: Shop, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    """Said before any work is done."""
    shop.profiles.mkdir()
    monkeypatch.chdir(shop.out)
    said = refused(run, run("calibrate", "--data", shop.data, "--pins", shop.pins, "--out", out))
    assert (
        said == f"profile_builder: --out {out} is a folder: name the file to write, for example model.toml\n"
    )
    assert run.err == said


def test_the_help_says_what_the_program_is_for(run: Terminal) -> None:
    """All commands, each in a sentence."""
    assert run("--help") == 0
    assert "calibrate once, then batch every day" in run.out
    assert "Choose alpha for an embedding space" in run.out
    assert "Build every user's profile" in run.out
    assert "List the published batches" in run.out
    assert "Make an earlier batch live." in run.out
    assert "Collect old batches." in run.out
