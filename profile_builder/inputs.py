"""What both commands read: a data set's actions, seen through one window."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from process.progress import Reporter, Step
from profile_builder.errors import UsageError
from profile_builder.reading import ACTION, ActionBatch, find_action_files, read_batches
from profile_builder.selecting import TEXTS, RowCounts, Selected, select
from profile_builder.survey import Survey, survey
from profile_builder.timeline import Strays
from profile_builder.times import LATEST_S
from profile_builder.window import Window, choose_window, empty_window
from storage.dataset import read_dataset
from storage.embedding_space import EmbeddingSpace
from storage.errors import DataError
from storage.parquet_files import InputFile
from storage.pins.port import Pins
from storage.rejects import Rejects


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionInput:
    """Which actions are read, and what each weighs.

    Attributes:
        files: Checked files, in order.
        weights: Weight of each action that is read; None reads all and weighs them 1.
    """

    files: tuple[InputFile, ...]
    weights: Mapping[str, float] | None

    @property
    def n_rows(self) -> int:
        """Rows of all files."""
        return sum(file.n_rows for file in self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPolicy:
    """How actions are read.

    Attributes:
        now_s: The time to look back from, Unix seconds UTC; None: the newest action.
        allowed_lateness_s: With now_s: how long after its time an action may arrive.
        window_days: How far to look back.
        max_reject_share: The largest share of bad rows; unknown pins do not count.
        forgotten_until_s: By user who asked to be forgotten, Unix seconds UTC.
        latest_s: A later action is rejected: whoever dates it so has another clock.
    """

    now_s: int | None
    allowed_lateness_s: int
    window_days: int
    max_reject_share: float
    forgotten_until_s: Mapping[str, int] = field(default_factory=dict)
    latest_s: int = LATEST_S


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRows:
    """The window, and where the input's rows went.

    Attributes:
        window: Its times.
        counts: The rows.
        strays: The newest actions, where the window ends before them because they cannot be believed.
    """

    window: Window
    counts: RowCounts
    strays: Strays | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowActions:
    """The window, and what lies in it.

    Attributes:
        window: Its times.
        selected: Its actions.
        strays: The newest actions, where the window ends before them because they cannot be believed.
    """

    window: Window
    selected: Selected
    strays: Strays | None

    @property
    def rows(self) -> WindowRows:
        """Where the rows went."""
        return WindowRows(window=self.window, counts=self.selected.counts, strays=self.strays)


def open_input(data: Path | None, actions: Path | None, space: EmbeddingSpace) -> ActionInput:
    """Find the actions of a data set, or those given in their place.

    Args:
        data: Folder with a dataset.toml; None reads all actions and weighs them 1.
        actions: A parquet file or a folder of them; None takes the data set's.
        space: Of the pin artefact: the data set's must be the same.

    Raises:
        UsageError: Neither is given.
        DataError: Something is wrong with the data set or its actions' columns.
        EmbeddingSpaceMismatchError: The data set is of another space.
    """
    if data is None:
        if actions is None:
            raise UsageError("no actions are given: say --data FOLDER or --actions PATH")
        return ActionInput(files=find_action_files(actions), weights=None)
    dataset = read_dataset(data)
    path = actions or dataset.actions
    if path is None:
        raise DataError(f'{data} names no actions: add actions = "actions.parquet" to its dataset.toml')
    EmbeddingSpace(dataset.embedding_space, space.dimension).require(
        space, ours=f"the data set {data}", theirs="the pin artefact"
    )
    return ActionInput(files=find_action_files(path), weights=dataset.action_weights)


def read_window(
    source: ActionInput, pins: Pins, policy: ReadPolicy, *, rejects: Rejects, reporter: Reporter
) -> WindowActions:
    """Look at all times, choose the window, and keep its actions by user.

    Raises:
        DataError: The times are not in seconds, or the window is empty.
        TooManyRejectsError: Too many rows are bad.
    """
    with reporter.step("Look at times", source.n_rows) as step:
        batches = _watched(read_batches(source.files, [ACTION]), step)
        seen = survey(batches, source.weights, latest_s=policy.latest_s)
    window = window_of(seen, policy)
    with reporter.step("Read actions", source.n_rows) as step:
        selected = select(
            _watched(read_batches(source.files, TEXTS), step),
            source.files,
            pins=pins,
            window=window,
            weights=source.weights,
            rejects=rejects,
            max_reject_share=policy.max_reject_share,
        )
    if not len(selected.actions):
        raise empty_window(seen, window)
    return WindowActions(window=window, selected=selected, strays=strays_left_out(seen, policy))


def nobody_usable(rejects: Rejects) -> DataError:
    """The error of actions that make nobody any interest."""
    return DataError(
        "no user has a usable action: every action in the window has weight 0 or less, or is on a pin "
        f"that the artefact does not hold. Rejected rows are listed in {rejects.path}"
    )


def window_of(seen: Survey, policy: ReadPolicy) -> Window:
    """The window that the policy asks for.

    Raises:
        DataError: It is empty.
    """
    window = choose_window(
        seen, now_s=policy.now_s, days=policy.window_days, allowed_lateness_s=policy.allowed_lateness_s
    )
    return replace(window, forgotten_until_s=policy.forgotten_until_s, latest_s=policy.latest_s)


def strays_left_out(seen: Survey, policy: ReadPolicy) -> Strays | None:
    """The newest actions, where the window ends before them because they cannot be believed."""
    return seen.strays if policy.now_s is None else None


def _watched(batches: Iterable[ActionBatch], step: Step) -> Iterator[ActionBatch]:
    for batch in batches:
        yield batch
        step.advance(len(batch))
