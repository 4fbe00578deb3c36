"""The batch publishes everybody's profile whole, the same from the same input, or changes nothing."""

import json
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from profile_builder.batch import BatchPolicy, BatchResult, Tally, run_batch
from profile_builder.errors import WorkerError
from profile_builder.local import LocalPolicy
from storage.errors import DataError, PublishError, TooManyRejectsError
from storage.hashes import hash_ids
from storage.profiles.lmdb.batch import batch_folder
from storage.profiles.opening import open_reader
from storage.profiles.store import BatchDescription
from storage.rejects import Rejects
from tests.profile_builder.deadly import deadly_pins
from tests.profile_builder.world import (
    DAY_S,
    MODEL,
    NEWEST_S,
    POLICY,
    SPACE,
    Act,
    make_parts,
    some_acts,
    write_actions,
)
from tests.waiting import HANG_S

ROOT = Path(__file__).parents[2]


def run(folder: Path, acts: Sequence[Act] | None = None, policy: BatchPolicy = POLICY) -> BatchResult:
    """Run a batch over these acts; profiles lie in FOLDER/profiles."""
    actions = write_actions(folder / "actions.parquet", some_acts() if acts is None else acts)
    with Rejects(folder / "rejects.jsonl") as rejects:
        return run_batch(make_parts(actions, folder / "profiles", rejects), policy)


def bytes_of(result: BatchResult) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(result.published.place).iterdir()}


def manifest_of(result: BatchResult) -> dict[str, object]:
    content: dict[str, object] = json.loads((Path(result.published.place) / "manifest.json").read_text())
    return content


def test_everybody_has_the_profile_of_their_actions(tmp_path: Path) -> None:
    """Ann's cats come before her cars; Ben's bees; Cid only looked; Dan's pin is unknown."""
    result = run(tmp_path)
    reader = open_reader(str(tmp_path / "profiles"))

    ann, ben = reader.batch("ann"), reader.batch("ben")
    assert ann is not None
    assert [medoid[:3] for medoid in ann.interests.medoid_pin_ids] == ["cat", "car"]
    assert ann.interests.sizes.tolist() == [5, 3]
    assert ben is not None
    assert ben.interests.importances.tolist() == pytest.approx([3 * 0.99005 + 0.98020], abs=1e-4)
    assert reader.batch("cid") is None
    assert reader.seen("cid").tolist() == hash_ids(["cat-1"]).tolist()
    assert reader.seen("ben").tolist() == sorted(hash_ids(["bee-1", "bee-2", "car-9"]).tolist())
    assert reader.batch("dan") is None
    assert len(reader.seen("dan")) == 0
    assert reader.popular()[:2] == ("bee-1", "bee-2")
    assert set(reader.popular()) == {f"cat-{i}" for i in range(5)} | {
        "car-0",
        "car-1",
        "car-2",
        "bee-1",
        "bee-2",
    }
    assert reader.describe() == BatchDescription(
        version=result.published.version,
        embedding_space=SPACE,
        parameters=MODEL.parameters,
        parameters_version=MODEL.version,
        computed_at_s=NEWEST_S,
        actions_until_s=NEWEST_S,
        n_users=2,
    )
    reader.close()


def test_the_manifest_says_what_was_done(tmp_path: Path) -> None:
    """Space, parameters, cut, W, window, cap, counts, quantiles: from the data, nothing from the clock."""
    manifest = manifest_of(run(tmp_path))

    assert {key: manifest[key] for key in manifest if key not in {"files", "sha256"}} == {
        "format": 1,
        "embedding_space": {"name": "topics-1", "dimension": 8},
        "parameters": {
            "version": MODEL.version,
            "alpha": 0.5,
            "lambda_per_day": 0.01,
            "window_days": 90,
            "representative_lambda_per_day": 0.02,
            "fusing": {"n_representatives": 40, "perplexity": 325.0, "fused_share": 0.9},
        },
        "computed_at_s": NEWEST_S,
        "actions_until_s": NEWEST_S,
        "n_users": 2,
        "pins_version": "000007-cafecafe",
        "window": {"after_s": NEWEST_S - 90 * DAY_S, "until_s": NEWEST_S},
        "max_actions": 2_000,
        "rows": {
            "read": 13,
            "not_listed": 0,
            "before_window": 0,
            "after_watermark": 0,
            "forgotten": 0,
            "used": 12,
        },
        "rejected": {"unknown pin": 1},
        "users": {"with_profile": 2, "without": 2, "capped": 0},
        "interests_a_user": {"p50": 1, "p90": 2, "p99": 2, "max": 2},
    }


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    """Rows shuffled over two files, two processes, small parts: every file is the same, the manifest too."""
    acts = [*some_acts(), Act(None, "cat-1"), Act("ann", None), some_acts()[0]]
    lenient = replace(POLICY, read=replace(POLICY.read, max_reject_share=0.5))
    expected = bytes_of(run(tmp_path / "a", acts, lenient))

    random.Random(3).shuffle(acts)  # noqa: S311 - a shuffle, no secret
    many = replace(lenient, local=LocalPolicy(processes=2, actions_a_part=3))
    write_actions(tmp_path / "b" / "log" / "1.parquet", acts[:5])
    write_actions(tmp_path / "b" / "log" / "2.parquet", acts[5:])
    with Rejects(tmp_path / "b" / "rejects.jsonl") as rejects:
        parts = make_parts(tmp_path / "b" / "log", tmp_path / "b" / "profiles", rejects)
        assert bytes_of(run_batch(parts, many)) == expected


def test_a_second_run_writes_nothing(tmp_path: Path) -> None:
    """The live version is what the input gives already."""
    first, second = run(tmp_path), run(tmp_path)

    assert second.published.already_live
    assert second.published.version == first.published.version
    assert len(batch_folder(tmp_path / "profiles").versions()) == 1


def test_a_later_now_gives_a_later_watermark(tmp_path: Path) -> None:
    """The last hour is left to the online profiles, and importance is that of the cut."""
    now_s = NEWEST_S + 600
    result = run(tmp_path, policy=replace(POLICY, read=replace(POLICY.read, now_s=now_s)))
    reader = open_reader(str(tmp_path / "profiles"))

    assert result.rows.counts.after_watermark == 1
    assert reader.describe().computed_at_s == now_s
    assert reader.describe().actions_until_s == now_s - 3_600
    ann = reader.batch("ann")
    assert ann is not None
    assert ann.interests.sizes.tolist() == [4, 3]
    reader.close()


def test_a_gap_in_the_actions_is_an_empty_window(tmp_path: Path) -> None:
    """Actions before and after, none within."""
    acts = [Act("ann", "cat-1", days=400), Act("ann", "cat-2")]
    policy = replace(POLICY, read=replace(POLICY.read, now_s=NEWEST_S - 200 * DAY_S))
    with pytest.raises(DataError, match=r"no action lies in the window .* Give a --now near the latter"):
        run(tmp_path, acts, policy)


def live_after(folder: Path) -> tuple[str, set[str]]:
    """The live version, and whatever else lies beside it."""
    versions = batch_folder(folder / "profiles")
    beside = {path.name for path in versions.root.iterdir()} - {"CURRENT", ".lock"}
    open_reader(str(folder / "profiles")).close()
    return versions.current(), beside


@pytest.mark.parametrize(
    ("acts", "error", "message"),
    [
        (
            [Act("ann", "cat-1", action="look")],
            DataError,
            "no user has a usable action: every action in the window",
        ),
        (
            [Act("dan", "dog-1")],
            DataError,
            r"that the artefact does not hold. Rejected rows are listed in .*rejects",
        ),
        ([Act("ann", "cat-1"), Act(None, "cat-1")], TooManyRejectsError, "1 x no user id"),
    ],
)
def test_a_refused_batch_leaves_the_live_version(
    tmp_path: Path, acts: list[Act], error: type[Exception], message: str
) -> None:
    """Nothing is published, nothing half-written stays."""
    version = run(tmp_path).published.version
    with pytest.raises(error, match=message):
        run(tmp_path, acts)
    assert live_after(tmp_path) == (version, {version})


def test_a_dying_worker_leaves_the_live_version(tmp_path: Path) -> None:
    """Half the users may have been built; the person hears what to try."""
    version = run(tmp_path).published.version
    many = replace(POLICY, local=LocalPolicy(processes=2, actions_a_part=3))
    with Rejects(tmp_path / "rejects.jsonl") as rejects:
        parts = make_parts(tmp_path / "actions.parquet", tmp_path / "profiles", rejects)
        with pytest.raises(WorkerError, match=r"Nothing was published.*fewer than --processes 2"):
            run_batch(replace(parts, open_pins=deadly_pins), many)
    assert live_after(tmp_path) == (version, {version})


DEADLY_BATCH = """
import sys
from dataclasses import replace
from pathlib import Path
from profile_builder.batch import run_batch
from storage.rejects import Rejects
from tests.profile_builder.deadly import deadly_pins
from tests.profile_builder.world import POLICY, make_parts
folder = Path(sys.argv[1])
with Rejects(folder / "rejects.jsonl") as rejects:
    parts = make_parts(folder / "actions.parquet", folder / "profiles", rejects)
    run_batch(replace(parts, pins=deadly_pins()), POLICY)
"""


def test_a_killed_batch_leaves_the_live_version(tmp_path: Path) -> None:
    """Killed with -9 while it writes; the next batch clears up and goes on."""
    version = run(tmp_path).published.version
    write_actions(tmp_path / "actions.parquet", [*some_acts(), Act("eve", "cat-1")])
    killed = subprocess.run([sys.executable, "-c", DEADLY_BATCH, tmp_path], cwd=ROOT, check=False)

    assert killed.returncode == -signal.SIGKILL
    assert live_after(tmp_path) == (version, {version, ".draft"})
    after = run(tmp_path, [*some_acts(), Act("eve", "cat-1")]).published.version
    assert live_after(tmp_path) == (after, {version, after})


SLOW_BATCH = """
import sys
from dataclasses import replace
from pathlib import Path
from profile_builder.batch import run_batch
from profile_builder.local import LocalPolicy
from storage.rejects import Rejects
from tests.profile_builder.deadly import sleeping_pins
from tests.profile_builder.world import POLICY, make_parts
folder = Path(sys.argv[1])
with Rejects(folder / "rejects.jsonl") as rejects:
    parts = make_parts(folder / "actions.parquet", folder / "profiles", rejects)
    policy = replace(POLICY, local=LocalPolicy(processes=2, actions_a_part=3))
    run_batch(replace(parts, open_pins=sleeping_pins), policy)
"""


def test_a_killed_batch_leaves_no_worker_behind(tmp_path: Path) -> None:
    """Workers notice that nobody waits for them any more."""
    write_actions(tmp_path / "actions.parquet", some_acts())
    with subprocess.Popen(
        [sys.executable, "-c", SLOW_BATCH, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as batch:
        assert batch.stdout is not None
        workers = [psutil.Process(int(batch.stdout.readline())) for _ in range(2)]
        batch.kill()
        gone, alive = psutil.wait_procs(workers, timeout=HANG_S)
    assert (len(gone), alive) == (2, [])


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A file where the profiles should go."""
    (tmp_path / "profiles").write_text("mine")
    with pytest.raises(PublishError, match="cannot publish into"):
        run(tmp_path)


def test_quantiles_are_numbers_that_users_have() -> None:
    """Of 1, 1, 1, 2, 2, 3, 4, 5, 9 and 30 interests half have at most 2; nobody has a fraction."""
    tally = Tally()
    tally.n_interests.update([1, 1, 1, 2, 2, 3, 4, 5, 9, 30])
    assert tally.quantiles() == {"p50": 2, "p90": 9, "p99": 30, "max": 30}
