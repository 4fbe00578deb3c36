"""The stages of the build: each one a command, run again only when something it depends on has changed."""

import hashlib
import json
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from demo.errors import DemoError
from demo.processes import running, typed

ROOT = Path(__file__).parents[1]
PUBLISHED = "CURRENT"

Fingerprint = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One command of the build.

    Attributes:
        name: Names the stage's stamp.
        title: What it does, for people.
        command: Program and arguments; they are the stage's parameters.
        inputs: Files, data folders or published folders that it reads.
        outputs: What must exist when it is finished; a CURRENT must name what the stage made live.
        rooms: The folders of our source that do the work.
        again: What is added to the command where something is live already: a folder that is the demo's own
            takes whatever the data set has become.
    """

    name: str
    title: str
    command: Sequence[str]
    inputs: Sequence[Path]
    outputs: Sequence[Path]
    rooms: Sequence[str]
    again: Sequence[str] = ()


class Stages:
    """Runs stages in order, and remembers each finished one by a stamp in `folder`.

    Args:
        folder: Where the stamps lie.
        announce: Told before a stage: its title, its command, whether it was finished before.
    """

    def __init__(self, folder: Path, announce: Callable[[str, str, bool], None]) -> None:
        self._folder = folder
        self._announce = announce

    def run(self, stage: Stage) -> None:
        """Run the stage, or leave it when nothing has changed since it was last finished.

        Raises:
            DemoError: The command failed; it has said why.
        """
        stamp, fingerprint = self._folder / f"{stage.name}.json", fingerprint_of(stage)
        finished = all(path.exists() for path in stage.outputs) and _read(stamp) == fingerprint | _live(stage)
        command = stage.command if finished or not _live_there(stage) else (*stage.command, *stage.again)
        self._announce(stage.title, typed(command), finished)
        if finished:
            return
        stamp.unlink(missing_ok=True)
        _run(command)
        self._folder.mkdir(parents=True, exist_ok=True)
        stamp.write_text(json.dumps(fingerprint | _live(stage), indent=2), encoding="utf-8")


def fingerprint_of(stage: Stage) -> Fingerprint:
    """Everything the stage's outputs depend on: the command, its inputs, our source."""
    return {
        "command": list(stage.command[1:]),
        "inputs": {str(path): _state(path) for path in stage.inputs},
        "source": _source_digest(stage.rooms),
    }


def _live(stage: Stage) -> Fingerprint:
    """What is live where the stage publishes: somebody else's is not what the stage made."""
    return {"live": {str(path): _state(path.parent) for path in _live_there(stage)}}


def _live_there(stage: Stage) -> list[Path]:
    return [path for path in stage.outputs if path.name == PUBLISHED and path.exists()]


def _read(stamp: Path) -> object:
    try:
        return json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _run(command: Sequence[str]) -> None:
    with running(command) as process:
        status = process.wait()
    if status:
        raise DemoError(f"`{typed(command)}` {_ending(status)}.")


def _ending(status: int) -> str:
    """How a program failed; one that was killed has not said why."""
    if status > 0:
        return f"ended with status {status}; what went wrong is said above"
    name = signal.Signals(-status).name
    return f"was ended by {name}" + ("; most likely memory ran out" if name == "SIGKILL" else "")


def _state(path: Path) -> object:
    """What tells one state of an input from another: a live version's name, or sizes and times."""
    if (path / PUBLISHED).exists():
        return (path / PUBLISHED).read_text(encoding="utf-8").strip()
    return {str(file): [file.stat().st_size, file.stat().st_mtime_ns] for file in _files(path)}


def _files(path: Path) -> Iterator[Path]:
    yield from sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def _source_digest(rooms: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for room in rooms:
        for file in sorted((ROOT / room).rglob("*.py")):
            digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
