"""Stages: run once, and again only when something they depend on has changed."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from demo.errors import DemoError
from demo.stages import Stage, Stages


class Counted:
    """A stage that adds a line to `out` each time it runs, and what was announced of it."""

    def __init__(self, folder: Path) -> None:
        self.input, self.out = folder / "in.txt", folder / "out.txt"
        self.input.write_text("first")
        self.announced: list[tuple[str, str, bool]] = []
        self.stages = Stages(folder / "stages", lambda *told: self.announced.append(told))
        self.stage = Stage(
            name="copy",
            title="Copy",
            command=python(f"open({str(self.out)!r}, 'a').write('ran\\n')"),
            inputs=(self.input,),
            outputs=(self.out,),
            rooms=("model",),
        )

    @property
    def times_run(self) -> int:
        return len(self.out.read_text().splitlines())


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


@pytest.fixture
def counted(tmp_path: Path) -> Counted:
    return Counted(tmp_path)


def test_a_finished_stage_is_not_run_again(counted: Counted) -> None:
    """The second time nothing runs, and the person is told so, with the command all the same."""
    counted.stages.run(counted.stage)
    counted.stages.run(counted.stage)
    assert counted.times_run == 1
    assert [finished for _, _, finished in counted.announced] == [False, True]
    assert all("python" in command for _, command, _ in counted.announced)


def test_a_changed_input_runs_it_again(counted: Counted) -> None:
    """Other data, another result."""
    counted.stages.run(counted.stage)
    counted.input.write_text("second one")
    counted.stages.run(counted.stage)
    assert counted.times_run == 2


def test_an_input_rewritten_at_the_same_size_runs_it_again(counted: Counted) -> None:
    """Its time of change tells."""
    counted.stages.run(counted.stage)
    counted.input.write_text("FIRST")
    os.utime(counted.input, (1, 1))
    counted.stages.run(counted.stage)
    assert counted.times_run == 2


def test_a_changed_parameter_runs_it_again(counted: Counted) -> None:
    """The command is the stage's parameters."""
    counted.stages.run(counted.stage)
    counted.stages.run(replace(counted.stage, command=(*counted.stage.command, "--other")))
    assert counted.times_run == 2


def test_changed_source_runs_it_again(counted: Counted) -> None:
    """Who works on a room sees their change in the next run."""
    counted.stages.run(counted.stage)
    counted.stages.run(replace(counted.stage, rooms=("model", "process")))
    assert counted.times_run == 2


def test_a_changed_line_of_source_runs_it_again(
    counted: Counted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in the files counts, not only which there are."""
    monkeypatch.setattr("demo.stages.ROOT", tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "ward.py").write_text("ALPHA = 1")
    counted.stages.run(counted.stage)
    counted.stages.run(counted.stage)
    assert counted.times_run == 1
    (tmp_path / "model" / "ward.py").write_text("ALPHA = 2")
    counted.stages.run(counted.stage)
    assert counted.times_run == 2


def test_a_missing_output_runs_it_again(counted: Counted) -> None:
    """What was deleted by hand is made again."""
    counted.stages.run(counted.stage)
    counted.out.unlink()
    counted.stages.run(counted.stage)
    assert counted.times_run == 1


def test_another_live_version_runs_it_again(counted: Counted, tmp_path: Path) -> None:
    """Of a published folder only the live version counts: a rollback is a change, an old version is none."""
    published = tmp_path / "pins"
    published.mkdir()
    (published / "CURRENT").write_text("000001-aaaaaaaa\n")
    stage = replace(counted.stage, inputs=(published,))
    counted.stages.run(stage)
    (published / "left-over").write_text("of no interest")
    counted.stages.run(stage)
    assert counted.times_run == 1
    (published / "CURRENT").write_text("000002-bbbbbbbb\n")
    counted.stages.run(stage)
    assert counted.times_run == 2


def test_somebody_elses_version_in_the_place_of_its_own_runs_it_again(
    counted: Counted, tmp_path: Path
) -> None:
    """What the stage made comes back, said so: nothing has changed but what is live."""
    live = tmp_path / "pins" / "CURRENT"
    live.parent.mkdir()
    stage = replace(counted.stage, command=python(f"open({str(live)!r}, 'w').write('ours')"), outputs=(live,))
    counted.stages.run(stage)
    live.write_text("theirs")
    counted.stages.run(stage)
    counted.stages.run(stage)
    assert live.read_text() == "ours"
    assert [finished for _, _, finished in counted.announced] == [False, False, True]


def test_what_is_added_where_something_is_live(counted: Counted, tmp_path: Path) -> None:
    """Not to the first run's command, which is short; and what is added is no change."""
    live, told = tmp_path / "pins" / "CURRENT", tmp_path / "told.txt"
    live.parent.mkdir()
    write = (
        f"import sys; open({str(live)!r}, 'w').write('ours'); open({str(told)!r}, 'w').write(str(sys.argv))"
    )
    stage = replace(counted.stage, command=python(write), outputs=(live,), again=("--replace",))
    counted.stages.run(stage)
    assert "--replace" not in told.read_text()
    counted.stages.run(stage)
    counted.input.write_text("another")
    counted.stages.run(stage)
    assert "--replace" in told.read_text()
    assert [finished for _, _, finished in counted.announced] == [False, True, False]
    assert ["--replace" in command for _, command, _ in counted.announced] == [False, False, True]


def test_a_failed_stage_stops_the_demo_and_is_not_finished(counted: Counted) -> None:
    """The message names the command and its status; next time it is run again."""
    counted.stages.run(counted.stage)
    failing = replace(counted.stage, command=python("raise SystemExit(3)"))
    with pytest.raises(
        DemoError, match=r"`.*SystemExit.*` ended with status 3; what went wrong is said above"
    ):
        counted.stages.run(failing)
    counted.stages.run(counted.stage)
    assert counted.times_run == 2


def test_a_stage_that_was_killed_says_so(counted: Counted) -> None:
    """It has not said why itself: the signal's name stands in, and memory is the usual reason."""
    killed = replace(counted.stage, command=python("import os; os.kill(os.getpid(), 9)"))
    with pytest.raises(DemoError, match=r"` was ended by SIGKILL; most likely memory ran out\.$"):
        counted.stages.run(killed)


def test_a_damaged_stamp_is_no_stamp(counted: Counted, tmp_path: Path) -> None:
    """A stamp cut short by a crash means: not finished."""
    counted.stages.run(counted.stage)
    (tmp_path / "stages" / "copy.json").write_text('{"command":')
    counted.stages.run(counted.stage)
    assert counted.times_run == 2
