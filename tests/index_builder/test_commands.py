"""The commands as a person meets them: what they print, what they refuse, and how."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from index_builder import showing
from index_builder.__main__ import program
from storage.pins.artefact import PinArtefact, pin_versions
from storage.pins.hnsw import Hnsw
from storage.pins.manifest import BuildParameters
from tests.index_builder.tables import circle, vectors, write, write_circle

NEW_SPACE = "--new-embedding-space"
FEWER = ("--min-share-of-live", 0)


class Terminal:
    """Runs commands and keeps what they said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *arguments: object) -> int:
        status = program().run([str(argument) for argument in arguments])
        self.out, self.err = self._capsys.readouterr()
        return status


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    """24 pins fifteen degrees apart, a twin of 90, a weak one near 180, a bad row."""
    return write(
        tmp_path / "pins.parquet",
        pin_id=[*(f"{angle}N" for angle in range(0, 360, 15)), "twin", "weak", "bad"],
        embedding=vectors([*circle([*range(0, 360, 15), 90, 182]).tolist(), [0.0, 0.0]]),
        quality=pa.array([0.9] * 24 + [0.8, 0.1, 0.9], pa.float32()),
    )


@pytest.fixture
def root(run: Terminal, pins: Path, tmp_path: Path) -> Path:
    """A folder with one version."""
    assert run("build", "--pins", pins, "--embedding-space", "circle-1", "--out", tmp_path / "a") == 0
    return tmp_path / "a"


class TestBuild:
    """python -m index_builder build."""

    def test_pins_of_another_embedding_space_replace_none_unasked(
        self, run: Terminal, root: Path, pins: Path, tmp_path: Path
    ) -> None:
        """A mistyped --out keeps what is live there; by name before anything is read, then by dimension."""
        live, rejects = pin_versions(root).current(), (root / "rejects.jsonl").read_bytes()
        assert run("build", "--pins", pins, "--embedding-space", "shop-1", "--out", root) == 1
        assert f"the live version in {root} is of embedding space circle-1 (2 dimensions)" in run.err
        assert "these pins are of shop-1, so they were not made live" in run.err
        assert "See whether --out says where they should go" in run.err
        assert run.err.count("\n") == 1
        assert (root / "rejects.jsonl").read_bytes() == rejects

        wide = write(tmp_path / "wide.parquet", pin_id=["a", "b"], embedding=vectors([[1, 0, 0], [0, 1, 0]]))
        assert run("build", "--pins", wide, "--embedding-space", "circle-1", "--out", root) == 1
        assert "these pins are of circle-1 (3 dimensions), so they were not made live" in run.err
        assert [each.name for each in pin_versions(root).versions()] == [live]

        said = ("--embedding-space", "shop-1", "--out", root, "--new-embedding-space")
        assert run("build", "--pins", pins, *said) == 0
        assert pin_versions(root).current() != live

    def test_far_fewer_pins_replace_none_unasked(self, run: Terminal, root: Path, tmp_path: Path) -> None:
        """An input that was cut short is refused before it is indexed; what is live stays."""
        live = pin_versions(root).current()

        def build_of(n: int, *said: object) -> int:
            angles = [*range(0, 15 * n, 15)]
            ids = [f"{angle}N" for angle in angles]
            few = write(tmp_path / f"{n}.parquet", pin_id=ids, embedding=vectors(circle(angles).tolist()))
            return run("build", "--pins", few, "--embedding-space", "circle-1", "--out", root, *said)

        assert build_of(11) == 1
        assert f"this version has 11 indexed pins, the live one in {root} has 24, so it was" in run.err
        assert "Most likely its input was cut short" in run.err
        assert "Build HNSW" not in run.err
        assert [each.name for each in pin_versions(root).versions()] == [live]

        assert build_of(12) == 0
        assert build_of(2, *FEWER) == 0

    def test_the_summary(self, run: Terminal, pins: Path, tmp_path: Path) -> None:
        """Everything that came of it, in some lines."""
        root = tmp_path / "a"
        assert run("build", "--pins", pins, "--embedding-space", "circle-1", "--out", root) == 0
        version = pin_versions(root).current()
        lines = re.sub(r"[\d,]+ us \(p99 [\d,]+\)", "N us (p99 N)", run.out).splitlines()
        assert lines == [
            "  read              27 rows",
            "  rejected          1 zero vector",
            f"                    listed in {root}/rejects.jsonl",
            "  low quality       1 (below 0.5)",
            "  near-duplicates   1 (cosine 0.98 or more to a better pin)",
            "  indexed           24 of circle-1 (2 dimensions)",
            "  recall@23         1.0000 at efSearch 134, N us (p99 N)",
            "  recall@23         1.0000 at efSearch 320, N us (p99 N)",
            "  recall@23         1.0000 at efSearch 512, N us (p99 N)",
            f"  version           {version}",
            f"  in                {root}/{version}",
        ]
        steps = ["Read pins", "Find near-duplicates", "Build HNSW", "Measure recall", "Publish"]
        assert [line.strip().rpartition("  ")[0].strip() for line in run.err.splitlines()] == steps

    def test_again(self, run: Terminal, pins: Path, root: Path) -> None:
        """Nothing new is said to be nothing new."""
        assert run("build", "--pins", pins, "--embedding-space", "circle-1", "--out", root) == 0
        assert "(the same as before: nothing was written)" in run.out

    def test_a_data_set_names_pins_and_space(self, run: Terminal, tmp_path: Path) -> None:
        """One flag instead of two."""
        write_circle(tmp_path / "set" / "p.parquet", [0, 90])
        toml = 'name = "x"\npins = "p.parquet"\nembedding_space = "circle-9"\n'
        (tmp_path / "set" / "dataset.toml").write_text(toml)
        assert run("build", "--data", tmp_path / "set", "--out", tmp_path / "a") == 0
        assert "2 of circle-9 (2 dimensions)" in run.out

    @pytest.mark.parametrize(
        ("line", "flags", "used"),
        [
            ("", [], 0.98),
            ("near_duplicate_cosine = 0.95\n", [], 0.95),
            ("near_duplicate_cosine = 0\n", [], 0.0),
            ("near_duplicate_cosine = 0.95\n", ["--near-duplicate-cosine", "0.9"], 0.9),
        ],
    )
    def test_near_duplicates_are_the_flags_else_the_data_sets_else_0_98(
        self, run: Terminal, tmp_path: Path, line: str, flags: list[str], used: float
    ) -> None:
        """The cosine belongs to the embedding space, and the data set says which that is."""
        write_circle(tmp_path / "set" / "p.parquet", [0, 90])
        toml = f'name = "x"\npins = "p.parquet"\nembedding_space = "circle-9"\n{line}'
        (tmp_path / "set" / "dataset.toml").write_text(toml)
        assert run("build", "--data", tmp_path / "set", "--out", tmp_path / "a", *flags) == 0
        assert f"(cosine {used} or more to a better pin)" in run.out

    @pytest.mark.parametrize(
        "flags",
        [
            [],
            ["--pins", "p"],
            ["--pins", "p", "--embedding-space", ""],
            ["--pins", "p", "--embedding-space", " "],
            ["--embedding-space", "s"],
            ["--data", "d", "--pins", "p", "--embedding-space", "s"],
            ["--data", "d", "--embedding-space", "s"],
        ],
        ids=" ".join,
    )
    def test_flags_that_do_not_go_together(self, run: Terminal, tmp_path: Path, flags: list[str]) -> None:
        """One sentence says which do."""
        assert run("build", "--out", tmp_path / "a", *flags) == 1
        assert run.err == (
            "index_builder: give either --data FOLDER (its dataset.toml names pins and embedding space), or "
            "--pins FILE and --embedding-space NAME (what the owner of the embeddings calls them)\n"
        )
        assert not (tmp_path / "a").exists()

    def test_flags_reach_the_build(
        self, run: Terminal, pins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And from there the manifest."""
        threads = set()
        add = Hnsw.add

        def spy(index: Hnsw, vectors: NDArray[np.float16], **how: int) -> None:
            threads.add(how["threads"])
            add(index, vectors, **how)

        monkeypatch.setattr(Hnsw, "add", spy)
        flags = "--quality-threshold 0.05 --near-duplicate-cosine 0.9 --m 6 --ef-construction 33 --threads 3"
        source = ("--pins", pins, "--embedding-space", "s", "--out", tmp_path / "a")
        assert run("build", *source, *flags.split(), "--storage", "int8") == 0
        assert PinArtefact.open(tmp_path / "a").manifest.parameters == BuildParameters(
            quality_threshold=0.05, near_duplicate_cosine=0.9, storage="int8", m=6, ef_construction=33
        )
        assert threads == {3}

    def test_bad_input_is_one_sentence(self, run: Terminal, tmp_path: Path) -> None:
        """And no traceback."""
        write(tmp_path / "p.parquet", id=["a"])
        flags = ("--pins", tmp_path / "p.parquet", "--embedding-space", "s", "--out", tmp_path / "a")
        assert run("build", *flags) == 1
        assert run.err.startswith(f"index_builder: {tmp_path}/p.parquet has no column 'pin_id'. Pins need")

    def test_a_share_of_bad_rows_can_be_allowed(self, run: Terminal, tmp_path: Path) -> None:
        """The message says so, and the flag does it."""
        path = write(tmp_path / "p.parquet", pin_id=["a", "b"], embedding=vectors([[1.0, 0.0], [0.0, 0.0]]))
        flags = ("build", "--pins", path, "--embedding-space", "s", "--out", tmp_path / "a")
        assert run(*flags) == 1
        assert "1 of 2 rows (50.0%) were rejected, more than the 5.0% allowed: 1 x zero vector" in run.err
        assert run(*flags, "--max-reject-share", "0.5") == 0

    def test_rejects_can_go_elsewhere(self, run: Terminal, pins: Path, tmp_path: Path) -> None:
        """Into a folder of their own."""
        flags = ("--pins", pins, "--embedding-space", "s", "--out", tmp_path / "a")
        assert run("build", *flags, "--rejects", tmp_path / "logs" / "bad.jsonl") == 0
        assert '"id": "bad"' in (tmp_path / "logs" / "bad.jsonl").read_text()

    def test_an_output_folder_that_cannot_be_written_to(
        self, run: Terminal, pins: Path, tmp_path: Path
    ) -> None:
        """Known at once, not after the build."""
        (tmp_path / "file").touch()
        flags = ("--pins", pins, "--embedding-space", "s", "--out", tmp_path / "file" / "a")
        assert run("build", *flags) == 1
        assert run.err == (
            f"index_builder: cannot build into {tmp_path}/file/a: Not a directory. Name another folder with "
            "--out: one that is there and may be written to, or one to be made.\n"
        )

    def test_a_value_out_of_range(self, run: Terminal, tmp_path: Path) -> None:
        """Flag, variable and value."""
        assert run("build", "--out", tmp_path, "--near-duplicate-cosine", "1.5") == 2
        assert "--near-duplicate-cosine" in run.err
        assert "1.5" in run.err


class TestVerify:
    """python -m index_builder verify."""

    def test_a_good_version(self, run: Terminal, root: Path) -> None:
        """What was checked and how long that took, line by line; status 0."""
        assert run("verify", "--pins", root) == 0
        out = re.sub(r"[\d.]+ (s|MB)\b", r"N \1", run.out)
        assert out.splitlines() == [
            "  files             6 of N MB are of the sizes and SHA-256 that were published (N s)",
            "  golden queries    16 answered as when it was built (N s)",
            "  ids               26 lead back to their rows (N s)",
            "  representatives   26 pins have one that is indexed, 0 none (N s)",
            "  vectors           26 are of length 1 (N s)",
            "  index             24 rows hold the vectors of embeddings.npy (N s)",
            f"{pin_versions(root).current()} OK: 26 pins, 24 indexed, verified in N s",
        ]

    def test_a_damaged_version(self, run: Terminal, root: Path) -> None:
        """Exactly what is wrong, status 1."""
        path = pin_versions(root).folder() / "ids.npy"
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-8])
        assert run("verify", "--pins", root, "--version", path.parent.name) == 1
        assert re.match(
            rf"index_builder: {path} has [\d,]+ bytes instead of [\d,]+: it is damaged\.", run.err
        )

    def test_nothing_there(self, run: Terminal, tmp_path: Path) -> None:
        """It says what to run."""
        assert run("verify", "--pins", tmp_path / "no") == 1
        assert "is not a folder that exists. Run: python -m index_builder build" in run.err


class TestListAndRollback:
    """python -m index_builder list, and rollback."""

    @pytest.fixture
    def two(self, run: Terminal, root: Path, tmp_path: Path) -> tuple[str, str]:
        """Another version beside the first."""
        first = pin_versions(root).current()
        path = write_circle(tmp_path / "q.parquet", [0, 90])
        assert (
            run("build", "--pins", path, "--embedding-space", "circle-2", "--out", root, NEW_SPACE, *FEWER)
            == 0
        )
        return first, pin_versions(root).current()

    def test_the_table(self, run: Terminal, root: Path, two: tuple[str, str]) -> None:
        """One line a version, oldest first, a star at the live one, with the recall measured."""
        assert run("list", "--pins", root) == 0
        title, first, second = (re.split(" {2,}", line) for line in run.out.splitlines())
        facts = ["pins", "indexed", "recall (efSearch 320)", "d", "embedding space", "MB"]
        assert title == ["version", "live", *facts]
        assert first[:6] == [two[0], "26", "24", "1.0000", "2", "circle-1"]
        assert second[:7] == [two[1], "*", "2", "2", "1.0000", "2", "circle-2"]

    def test_a_recall_that_nobody_measured_there_is_none(
        self, run: Terminal, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A version of another time may have been measured at other efSearch."""
        monkeypatch.setattr(showing, "EF_SEARCH", 321)
        assert run("list", "--pins", root) == 0
        assert run.out.splitlines()[1].split()[4:6] == ["-", "2"]

    def test_a_damaged_version_does_not_hide_the_others(
        self, run: Terminal, root: Path, two: tuple[str, str]
    ) -> None:
        """It says below what is wrong with it."""
        (root / two[0] / "manifest.json").unlink()
        assert run("list", "--pins", root) == 0
        _, first, second, problem = run.out.splitlines()
        assert first.split() == [two[0], *"??????"]
        assert second.split()[:2] == [two[1], "*"]
        assert problem.startswith(f"! {two[0]}: {root}/{two[0]}/manifest.json is missing")

    def test_an_empty_list(self, run: Terminal, tmp_path: Path) -> None:
        """It says why there is nothing."""
        assert run("list", "--pins", tmp_path) == 1
        assert "is empty: nothing was published there" in run.err

    def test_a_version_that_is_not_live_can_be_verified(
        self, run: Terminal, root: Path, two: tuple[str, str]
    ) -> None:
        """Before it is rolled back to."""
        assert run("verify", "--pins", root, "--version", two[0]) == 0
        assert f"\n{two[0]} OK: 26 pins" in run.out

    def test_rolling_back(self, run: Terminal, root: Path, two: tuple[str, str]) -> None:
        """And what is live afterwards."""
        assert run("rollback", two[0], "--pins", root) == 0
        assert run.out == f"{two[0]} is live in {root}.\n"
        assert pin_versions(root).current() == two[0]

    def test_rolling_back_without_a_name(self, run: Terminal, root: Path, two: tuple[str, str]) -> None:
        """To the version before the live one, and no further than there is one."""
        assert run("rollback", "--pins", root) == 0
        assert run.out == f"{two[0]} is live in {root}.\n"
        assert run("rollback", "--pins", root) == 1
        assert "holds no whole version older than the live one" in run.err

    def test_rolling_back_to_nowhere(self, run: Terminal, root: Path, two: tuple[str, str]) -> None:
        """The versions that are there are named."""
        assert run("rollback", "000009-00000000", "--pins", root) == 1
        assert run.err == (
            f"index_builder: {root} holds no version '000009-00000000'. Versions there: {two[0]}, {two[1]}.\n"
        )


class TestPrune:
    """python -m index_builder prune, and build --keep."""

    @pytest.fixture
    def three(self, run: Terminal, root: Path, tmp_path: Path) -> list[str]:
        """Three versions."""
        for n in (2, 3):
            path = write_circle(tmp_path / f"{n}.parquet", [0, 90, 180][:n])
            assert (
                run(
                    "build", "--pins", path, "--embedding-space", "circle-2", "--out", root, NEW_SPACE, *FEWER
                )
                == 0
            )
        return [version.name for version in pin_versions(root).versions()]

    def test_what_is_gone_and_what_stays(self, run: Terminal, root: Path, three: list[str]) -> None:
        """Line by line, and what was freed."""
        assert run("prune", "--pins", root, "--keep", "1") == 0
        assert run.out.splitlines() == [
            f"  {three[0]}  collected, 0.0 MB",
            f"  {three[1]}  kept: to roll back to",
            f"  {three[2]}  kept: live",
            "1 version collected, 0.0 MB freed.",
        ]
        assert [version.name for version in pin_versions(root).versions()] == three[1:]

    def test_what_is_served_stays(self, run: Terminal, root: Path, three: list[str]) -> None:
        """An artefact that is open anywhere is in use."""
        pins = PinArtefact.open(root, three[0])
        assert run("prune", "--pins", root, "--keep", "1") == 0
        assert f"  {three[0]}  kept: in use" in run.out
        pins.close()
        assert run("prune", "--pins", root, "--keep", "1") == 0
        assert f"  {three[0]}  collected" in run.out

    def test_a_build_collects_when_told_to(
        self, run: Terminal, root: Path, three: list[str], tmp_path: Path
    ) -> None:
        """After its version is live."""
        path = write_circle(tmp_path / "q.parquet", [0, 45])
        source = ("--pins", path, "--embedding-space", "circle-2", "--out", root, NEW_SPACE)
        assert run("build", *source, "--keep", "1") == 0
        assert run.out.endswith("2 versions collected, 0.0 MB freed.\n")
        left = [version.name for version in pin_versions(root).versions()]
        assert left == [three[2], pin_versions(root).current()]


def test_it_runs_as_a_program(tmp_path: Path) -> None:
    """`python -m index_builder` is what people type, and its status is the command's."""
    command = [sys.executable, "-m", "index_builder", "list", "--pins", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"index_builder: {tmp_path} is empty: nothing was published there.")
