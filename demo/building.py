"""The commands that turn a data set into what the server serves, in order."""

from collections.abc import Sequence
from pathlib import Path

from demo.processes import python_command
from demo.stages import Stage
from demo.worlds import World

# What is shown is the data set as it is now, whatever it was.
_HOWEVER_FEW = ("--min-share-of-live", "0")


def emoji_stage(world: World) -> Stage:
    """Write the emoji world as a data set."""
    return Stage(
        name="data",
        title="Make the data set: every emoji is a pin, simulated people save them",
        command=python_command("demo.emoji", "--out", world.data),
        inputs=(),
        outputs=tuple(world.data / name for name in ("pins.parquet", "actions.parquet", "dataset.toml")),
        rooms=("demo/emoji",),
    )


def build_stages(world: World, files: Sequence[Path]) -> list[Stage]:
    """Pins to an index; alpha from the people's histories; histories to profiles.

    Args:
        world: The data set, and where the outputs go.
        files: What the data set consists of.
    """
    data = ("--data", world.data)
    return [
        Stage(
            name="pins",
            title="Build the pin artefact: validate, refine, index, publish",
            command=python_command("index_builder", "build", *data, "--out", world.pins),
            inputs=files,
            outputs=(world.pins / "CURRENT",),
            rooms=("index_builder", "storage", "model"),
            again=("--new-embedding-space", *_HOWEVER_FEW),
        ),
        Stage(
            name="calibrate",
            title="Calibrate alpha, once for an embedding space",
            command=python_command(
                "profile_builder", "calibrate", *data, "--pins", world.pins, "--out", world.model, "--replace"
            ),
            inputs=(*files, world.pins),
            outputs=(world.model,),
            rooms=("profile_builder", "storage", "model"),
        ),
        Stage(
            name="batch",
            title="Build everybody's profile: Ward clusters, medoids, importances",
            command=python_command(
                "profile_builder",
                *("batch", *data, "--pins", world.pins),
                *("--model", world.model, "--profiles", world.profiles),
            ),
            inputs=(*files, world.pins, world.model),
            outputs=(world.profiles / "batch" / "CURRENT",),
            rooms=("profile_builder", "storage", "model"),
            again=("--replace-later", "--new-embedding-space", *_HOWEVER_FEW),
        ),
    ]
