"""A stage is run once for its inputs and its source, and a damaged one says what to do."""

import ast
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import evaluation
from evaluation import stages
from evaluation.errors import EvaluationError
from evaluation.explaining.experiments import EXPERIMENTS
from evaluation.stages import Stages, measuring_sources, source_digest

ROOM = Path(evaluation.__file__).parent
ENTRANCES = ("measuring", "oracles")
"""What computes values; the rest of the room asks for them, or shows them."""


def counting() -> tuple[list[None], Callable[[], dict[str, NDArray[np.float64]]]]:
    runs: list[None] = []

    def compute() -> dict[str, NDArray[np.float64]]:
        runs.append(None)
        return {"x": np.array([1.0, 2.0])}

    return runs, compute


def test_a_finished_stage_is_read(tmp_path: Path) -> None:
    """By a later run too, with the time that it took; the time is no array of its."""
    runs, compute = counting()
    first, again = Stages(tmp_path, "data"), Stages(tmp_path, "data")
    assert first.run("one", 1, compute)["x"].tolist() == again.run("one", 1, compute)["x"].tolist() == [1, 2]
    assert set(again.run("one", 1, compute)) == {"x"}
    assert again.seconds == first.seconds
    assert len(runs) == 1


@pytest.mark.parametrize(("common", "own"), [("other data", 1), ("data", 2)])
def test_other_inputs_are_another_stage(tmp_path: Path, common: str, own: int) -> None:
    """Whether they are every stage's or its own."""
    runs, compute = counting()
    Stages(tmp_path, "data").run("one", 1, compute)
    Stages(tmp_path, common).run("one", own, compute)
    assert len(runs) == 2


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"not a stage"])
def test_a_damaged_stage_is_named(tmp_path: Path, content: bytes) -> None:
    """With what to do: a run of hours is not thrown away silently, nor ended by a traceback."""
    _, compute = counting()
    Stages(tmp_path, "data").run("one", 1, compute)
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    with pytest.raises(EvaluationError, match=rf"{file.name} is damaged .*: delete it, and run again"):
        Stages(tmp_path, "data").run("one", 1, compute)


def test_a_run_that_was_stopped_leaves_no_stage(tmp_path: Path) -> None:
    """A stage is whole or absent."""

    def interrupted() -> dict[str, NDArray[np.float64]]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Stages(tmp_path, "data").run("one", 1, interrupted)
    assert not list(tmp_path.iterdir())


def test_everything_that_measuring_imports_is_in_its_digest() -> None:
    """Or a changed number, such as an oracle's k, would be shown beside what the old one gave."""
    reached, waiting = set[str](), list(ENTRANCES)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += imported(ROOM / f"{name}.py")
    # The record that a measured value goes into says nothing of its value.
    outside = reached - {file.stem for file in measuring_sources()} - {"results"}
    assert not outside


def test_the_services_search_is_in_the_digest_of_measuring() -> None:
    """All of it: another graph search finds other pins."""
    rooms = {file.relative_to(ROOM.parent).as_posix() for file in measuring_sources()}
    searching = {"storage.pins.hnsw", *imported_whole(ROOM.parent / "storage/pins/hnsw.py", "storage.pins")}
    assert {f"{name.replace('.', '/')}.py" for name in searching} <= rooms


def test_an_experiment_rests_on_no_other() -> None:
    """Its stage knows its own module and what all share, and would not see another's change."""
    keys = {experiment.key for experiment in EXPERIMENTS}
    for key in keys:
        module = ROOM / "explaining" / f"{key}.py"
        assert not keys & set(imported(module, "evaluation.explaining.")), key


def test_a_source_is_told_by_its_name_and_content() -> None:
    """Whatever the order."""
    one, two = Path(stages.__file__), ROOM / "errors.py"
    assert source_digest([one, two]) == source_digest([two, one]) != source_digest([one])


def imported_whole(file: Path, package: str) -> set[str]:
    """The modules of a package that a file imports, by their whole names."""
    return {f"{package}.{name}" for name in imported(file, f"{package}.")}


def imported(file: Path, package: str = "evaluation.") -> list[str]:
    """The modules of a package, not of those below it, that a file imports."""
    found = [
        node.module or ""
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom)
    ]
    names = [name.removeprefix(package) for name in found if name.startswith(package)]
    return [name for name in names if "." not in name]
