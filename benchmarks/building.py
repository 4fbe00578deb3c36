"""`python -m benchmarks.building`: what a whole build takes, stage by stage, and what a reader of it takes.

The build is the index builder's own command in a process of its own. With --kill-after it is killed on the
way, as a machine that goes down would, and the same command then goes on from what was kept.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from resource import struct_rusage
from signal import SIGKILL
from tempfile import TemporaryFile
from threading import Timer
from typing import Annotated, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.resident import resident_bytes
from process.commands import Program, setting
from storage.errors import StorageError
from storage.pins.artefact import PinArtefact, pin_versions
from storage.pins.port import EF_SEARCH

_STAGE = re.compile(r"^  (\S.*?) +(\d+\.\d) s$", re.MULTILINE)
_N_QUERIES, _K = 300, 200


class BuildFailedError(Exception):
    """The build ended by itself, without a version."""


@dataclass(frozen=True, kw_only=True)
class BuildingSettings:
    """Measure a build's stages and memory, the version's size, and how fast and large it is when opened."""

    pins: Annotated[Path, setting("Parquet file of pins.", env="BENCH_PINS_FILE", metavar="FILE")]
    versions: Annotated[Path, setting("Where the version goes.", env="BENCH_VERSIONS", metavar="DIR")] = Path(
        "build/bench/main-artefact"
    )
    threads: Annotated[int, setting("Threads that build.", env="BUILD_THREADS", low=1)] = 2
    kill_after: Annotated[
        float | None,
        setting("Kill the build after so many seconds, and go on.", env="BENCH_KILL_AFTER", low=0),
    ] = None
    out: Annotated[Path, setting("Where the figures go.", env="BENCH_OUT", metavar="FILE")] = Path(
        "build/bench/building.json"
    )


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the command.

    Attributes:
        stages: Seconds of each that it finished.
        seconds: By the clock.
        cpu_seconds: Of all threads together.
        peak_gb: Most memory of the process.
        was_killed: Before it was done.
    """

    stages: Mapping[str, float]
    seconds: float
    cpu_seconds: float
    peak_gb: float
    was_killed: bool


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A process that opens the version.

    Attributes:
        seconds: To open it, checksums left to whoever checked them before.
        checked_seconds: To open it with all checksums.
        resident_mb: By how much the process grew when it opened it; pages of files are shared.
        asked_mb: By how much once it was asked for some hundred lists.
    """

    seconds: float
    checked_seconds: float
    resident_mb: float
    asked_mb: float


def measure(settings: BuildingSettings) -> None:
    """Build, open, show and write."""
    runs = [] if settings.kill_after is None else [build(settings, kill_after_s=settings.kill_after)]
    if not runs or runs[0].was_killed:
        runs.append(build(settings))
    figures = {"runs": [asdict(run) for run in runs]} | figures_of_version(settings.versions)
    _show(figures)
    settings.out.parent.mkdir(parents=True, exist_ok=True)
    settings.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def build(settings: BuildingSettings, *, kill_after_s: float | None = None) -> Run:
    """Run the command to its end, or to that of its time."""
    flags = {"pins": settings.pins, "out": settings.versions, "threads": settings.threads}
    given = [part for flag, value in flags.items() for part in (f"--{flag}", str(value))]
    command = [sys.executable, "-m", "index_builder", "build", "--embedding-space", "benchmark", *given]
    began = time.perf_counter()
    with TemporaryFile("w+", encoding="utf-8") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)  # noqa: S603 - our own program
        usage = _usage_at_end(process, kill_after_s)
        output.seek(0)
        said = output.read()
    if process.returncode not in {0, -SIGKILL}:
        raise BuildFailedError(f"the build failed: {said.strip()}")
    return Run(
        stages={title: float(seconds) for title, seconds in _STAGE.findall(said)},
        seconds=round(time.perf_counter() - began, 1),
        cpu_seconds=round(usage.ru_utime + usage.ru_stime, 1),
        peak_gb=round(usage.ru_maxrss / 1e6, 3),
        was_killed=process.returncode == -SIGKILL,
    )


def _usage_at_end(process: "subprocess.Popen[bytes]", kill_after_s: float | None) -> struct_rusage:
    timer = Timer(kill_after_s or 0, process.kill)
    if kill_after_s is not None:
        timer.start()
    _, status, usage = os.wait4(process.pid, 0)
    timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def figures_of_version(root: Path) -> dict[str, object]:
    """The live version's counts, sizes and recall, and what opening it takes."""
    folder = pin_versions(root).folder()
    with closing(PinArtefact.open(root, checksums=False)) as pins:
        manifest = pins.manifest
    return {
        "version": folder.name,
        "counts": asdict(manifest.counts),
        "parameters": asdict(manifest.parameters),
        "measured": asdict(manifest.measured),
        "file_mb": {path.name: round(path.stat().st_size / 1e6, 1) for path in sorted(folder.iterdir())},
        "opened": asdict(_opened_alone(root)),
    }


def _opened_alone(root: Path) -> Opened:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(opened, root).result()


def opened(root: Path) -> Opened:
    """Open the live version in this process, ask it, and open it once more with every checksum."""
    before, began = resident_bytes(), time.perf_counter()
    with closing(PinArtefact.open(root, checksums=False)) as pins:
        seconds, resident = time.perf_counter() - began, resident_bytes()
        rows = np.random.default_rng(0).integers(pins.n_indexed, size=_N_QUERIES)
        for row in rows.tolist():
            pins.search(pins.embeddings[row : row + 1], _K, ef_search=EF_SEARCH)
        asked = resident_bytes()
    return Opened(
        seconds=round(seconds, 3),
        checked_seconds=round(_checked_seconds(root), 3),
        resident_mb=round((resident - before) / 1e6, 1),
        asked_mb=round((asked - before) / 1e6, 1),
    )


def _checked_seconds(root: Path) -> float:
    began = time.perf_counter()
    PinArtefact.open(root).close()
    return time.perf_counter() - began


def _show(figures: Mapping[str, Any]) -> None:
    table = Table("a build", "")
    for run in figures["runs"]:
        for stage, seconds in run["stages"].items():
            table.add_row(stage, f"{seconds:,.1f} s")
        cost = f"{run['seconds']:,.1f} s, {run['cpu_seconds']:,.1f} s of CPU, at most {run['peak_gb']:.2f} GB"
        table.add_row("killed after" if run["was_killed"] else "done after", cost)
    for name in ("counts", "parameters", "file_mb", "opened"):
        for what, value in figures[name].items():
            table.add_row(what.replace("_", " "), str(value))
    for at in figures["measured"]["at"]:
        recall = f"{at['recall']:.4f}, {at['mean_us']:,.0f} us"
        table.add_row(f"recall@{figures['measured']['k']} at efSearch {at['ef_search']}", recall)
    Console(width=120).print(table)


def main() -> int:
    """Run the program and return its exit status."""
    program = Program("benchmarks.building", expected=(OSError, BuildFailedError, StorageError))
    program.command("building", BuildingSettings, measure)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
