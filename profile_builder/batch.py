"""The daily batch, step by step: actions in, one published version of everybody's profiles out."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import numpy as np

from process.progress import Reporter
from profile_builder.inputs import (
    ActionInput,
    ReadPolicy,
    WindowActions,
    WindowRows,
    nobody_usable,
    read_window,
)
from profile_builder.local import LocalPolicy, OpenPins, build_users
from profile_builder.popular import popular_pins
from profile_builder.users import BuiltUser, Rules
from profile_builder.window import Window
from storage.model_file import ModelFile
from storage.pins.port import Pins
from storage.profiles.encoding import EncodedUser
from storage.profiles.store import BatchDescription, BatchManifest, BatchPublisher, PublishedBatch
from storage.rejects import Rejects


@dataclass(frozen=True, kw_only=True)
class BatchParts:
    """What a batch works with.

    Attributes:
        source: The actions.
        pins: The artefact.
        open_pins: Opens the same artefact in a worker process.
        model_file: The parameters, of the artefact's embedding space.
        publisher: Publishes the profiles.
        rejects: Where bad rows go.
        reporter: Who hears of the progress.
    """

    source: ActionInput
    pins: Pins
    open_pins: OpenPins
    model_file: ModelFile
    publisher: BatchPublisher
    rejects: Rejects
    reporter: Reporter


@dataclass(frozen=True, kw_only=True)
class BatchPolicy:
    """How a batch works.

    Attributes:
        read: How actions are read.
        max_actions: The newest so many of a user's actions make their interests.
        n_popular: How many pins to keep for users without a profile.
        local: How the users are built.
    """

    read: ReadPolicy
    max_actions: int
    n_popular: int
    local: LocalPolicy


@dataclass(kw_only=True)
class Tally:
    """What is counted while users go by.

    Attributes:
        n_interests: How many users have so many interests.
        n_without: Users without a usable action.
        n_capped: Users with more actions than the cap.
    """

    n_interests: Counter[int] = field(default_factory=Counter)
    n_without: int = 0
    n_capped: int = 0

    @property
    def n_users(self) -> int:
        """Users with a profile."""
        return self.n_interests.total()

    def count(self, user: BuiltUser) -> None:
        """Count one user."""
        if user.n_interests:
            self.n_interests[user.n_interests] += 1
        else:
            self.n_without += 1
        self.n_capped += user.is_capped

    def add(self, other: "Tally") -> None:
        """Count what another one did."""
        self.n_interests.update(other.n_interests)
        self.n_without += other.n_without
        self.n_capped += other.n_capped

    def quantiles(self) -> dict[str, int]:
        """Interests a user: the least number that so many users stay within."""
        each = np.fromiter(self.n_interests.elements(), np.int64)
        p50, p90, p99, most = np.quantile(each, [0.5, 0.9, 0.99, 1.0], method="inverted_cdf")
        return {"p50": int(p50), "p90": int(p90), "p99": int(p99), "max": int(most)}


@dataclass(frozen=True, kw_only=True)
class BatchResult:
    """What a batch did, for its summary."""

    published: PublishedBatch
    rows: WindowRows
    tally: Tally


def run_batch(parts: BatchParts, policy: BatchPolicy) -> BatchResult:
    """Read the window, build every user, publish.

    Nothing changes for readers until all is written; whatever fails leaves the live version as it was.

    Raises:
        StorageError: Bad data, a store that cannot be written; see the steps.
        WorkerError: A worker process died.
    """
    actions = read_window(
        parts.source, parts.pins, policy.read, rejects=parts.rejects, reporter=parts.reporter
    )
    tally = Tally()
    published = parts.publisher.publish(
        _built(parts, policy, actions, tally),
        popular_pins(actions.selected.actions, parts.pins, policy.n_popular),
        lambda: manifest_of(parts, policy, actions.rows, tally),
    )
    return BatchResult(published=published, rows=actions.rows, tally=tally)


def _built(
    parts: BatchParts, policy: BatchPolicy, actions: WindowActions, tally: Tally
) -> Iterator[EncodedUser]:
    """Every user, built when asked for, and counted."""
    users = build_users(
        actions.selected.actions,
        parts.pins,
        rules_of(parts, policy, actions.window),
        open_pins=parts.open_pins,
        policy=policy.local,
    )
    for user in parts.reporter.each("Build profiles", users, len(actions.selected.actions)):
        tally.count(user)
        yield user.encoded
    require_users(tally, parts.rejects)


def require_users(tally: Tally, rejects: Rejects) -> None:
    """Refuse a batch without any profile.

    Raises:
        DataError: It is one.
    """
    if not tally.n_users:
        raise nobody_usable(rejects)


def rules_of(parts: BatchParts, policy: BatchPolicy, window: Window) -> Rules:
    """What is the same for all users."""
    return Rules(
        embedding_space=parts.pins.embedding_space,
        parameters=parts.model_file.parameters,
        parameters_version=parts.model_file.version,
        cut_s=window.cut_s,
        watermark_s=window.watermark_s,
        max_actions=policy.max_actions,
        forgotten_until_s=window.forgotten_until_s,
    )


def manifest_of(parts: BatchParts, policy: BatchPolicy, rows: WindowRows, tally: Tally) -> BatchManifest:
    """What the batch says of itself, whatever engine built it."""
    window = rows.window
    description = BatchDescription(
        version="",
        embedding_space=parts.pins.embedding_space,
        parameters=parts.model_file.parameters,
        parameters_version=parts.model_file.version,
        computed_at_s=window.cut_s,
        actions_until_s=window.watermark_s,
        n_users=tally.n_users,
    )
    details = {
        "pins_version": parts.pins.version,
        "window": {"after_s": window.after_s, "until_s": window.watermark_s},
        "max_actions": policy.max_actions,
        "rows": asdict(rows.counts),
        "rejected": dict(sorted(parts.rejects.counts.items())),
        "users": {"with_profile": tally.n_users, "without": tally.n_without, "capped": tally.n_capped},
        "interests_a_user": tally.quantiles(),
    }
    return BatchManifest(description=description, details=details)
