"""Runs the main job on one world, as a user would: build, serve, ask, say what to type next."""

import sys
from pathlib import Path

from demo.asking import people
from demo.building import build_stages, emoji_stage
from demo.errors import DemoError
from demo.histories import Histories
from demo.next_steps import next_steps
from demo.occupying import occupied
from demo.processes import typed
from demo.screen import Screen
from demo.serving import served, server_command
from demo.settings import DemoSettings
from demo.stages import Stages
from demo.worlds import World, folder_name
from pinnersage.client import Client, Timeout
from storage.dataset import DataSet, read_dataset
from storage.profiles.opening import open_reader

# The first answers of a large artefact wait for the disk, on a machine that may have other work.
PATIENT = Timeout(call_s=30.0)


def run_demo(settings: DemoSettings) -> None:
    """Show the service at work; everything that is built lies below `settings.out`.

    Raises:
        DemoError: A stage failed, the data set cannot be shown, or the folder is not ours to write.
        StorageError: The data set cannot be read.
        PinnerSageError: The server did not answer.
    """
    screen = Screen(sys.stdout)
    world = _world(settings)
    with occupied(world.folder):
        histories = _build(world, settings, screen)
        shown = _show_people(world, histories, settings.users, screen)
    screen.heading("Now you")
    for purpose, command in next_steps(world, shown):
        screen.step(purpose, command)


def _build(world: World, settings: DemoSettings, screen: Screen) -> Histories:
    """Run every stage that is not finished; gives what people did, according to the data set."""
    screen.heading("Build")
    stages = Stages(world.folder / "stages", screen.stage)
    if settings.data is None:
        stages.run(emoji_stage(world))
    dataset = read_dataset(world.data)
    actions = _actions(dataset, world)
    for stage in build_stages(world, (world.data / "dataset.toml", dataset.pins, actions)):
        stages.run(stage)
    return Histories(actions, dataset.action_weights, until_s=_batch_until_s(world))


def _show_people(world: World, histories: Histories, n: int, screen: Screen) -> list[str]:
    """Serve the world and show n people; gives their ids."""
    screen.heading("Serve")
    screen.command(typed(server_command(world)))
    shown = []
    with served(world) as address, Client(address, timeout=PATIENT) as client:
        screen.note(f"serving on {address}, its log in {world.server_log}")
        for person in people(client, histories, n):
            screen.person(person)
            shown.append(person.user_id)
    if not shown:
        raise DemoError(
            "nobody can be shown: the server knows none of the people looked at."
            f" What the batch left out is in {world.profiles / 'batch-rejects.jsonl'}"
        )
    return shown


def _world(settings: DemoSettings) -> World:
    if settings.data is None:
        folder = settings.out / "emoji"
        return World(data=folder / "data", folder=folder)
    return World(data=settings.data, folder=settings.out / folder_name(read_dataset(settings.data).name))


def _batch_until_s(world: World) -> int:
    """Up to when the profiles count actions, Unix seconds UTC."""
    profiles = open_reader(str(world.profiles), checksums=False)
    try:
        return profiles.describe().actions_until_s
    finally:
        profiles.close()


def _actions(dataset: DataSet, world: World) -> Path:
    if dataset.actions is None:
        raise DemoError(
            f"{world.data / 'dataset.toml'} names no actions, and interests come from actions. "
            'Add, for example: actions = "actions.parquet"'
        )
    return dataset.actions
