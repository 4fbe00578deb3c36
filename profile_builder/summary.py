"""What a person reads when a command is done: the numbers, in sentences."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from model.calibration import (
    MAX_CLUSTERS,
    MAX_LIGHT_PINS,
    MIN_LIGHT_PINS,
    MIN_LIGHT_USERS,
    TARGET_CLUSTERS,
    Calibration,
)
from process.showing import Column, fact_lines, freed, shown_version, table_of_versions
from profile_builder.batch import BatchResult
from profile_builder.calibrating import CalibrateResult
from profile_builder.inputs import WindowRows
from profile_builder.times import show_time
from storage.events.records import Forget
from storage.model_file import ModelFile
from storage.profiles.store import BatchVersion
from storage.rejects import Rejects
from storage.retention import Pruned

_COLUMNS = (
    Column("users"),
    Column("computed at", is_text=True),
    Column("model", is_text=True),
    Column("embedding space", is_text=True),
)


def describe_batch(
    result: BatchResult, model_file: ModelFile, max_actions: int, rejects: Rejects
) -> list[str]:
    """The summary of a batch, one thing a line."""
    published, tally = result.published, result.tally
    of = tally.quantiles()
    facts = {
        "users": f"{tally.n_users:,}",
        "interests a user": f"median {of['p50']}, p90 {of['p90']}, p99 {of['p99']}, most {of['max']}",
        "no usable action": f"{tally.n_without:,} users",
        "capped": f"{tally.n_capped:,} users, at their newest {max_actions:,} actions",
        "window": _describe_window(result.rows),
        "rows left out": _left_out(result.rows, rejects),
        "model": f"{model_file.version}, alpha {model_file.parameters.alpha:.4g}",
        "version": shown_version(published.version, already_live=published.already_live),
        "in": published.place,
    }
    return [*fact_lines(facts.items()), *_of_strays(result.rows)]


def describe_pruned(pruned: Pruned) -> str:
    """Which batches are gone, which stay and why."""
    return freed(
        [(each.name, each.n_bytes) for each in pruned.collected],
        [(each.name, each.why) for each in pruned.kept],
    )


def describe_calibration(result: CalibrateResult, out: Path, rejects: Rejects) -> list[str]:
    """The summary of a calibration."""
    model_file, calibration = result.model_file, result.calibration
    return [
        f"Alpha is {calibration.alpha:.4g} for {model_file.embedding_space}.",
        _by_random_pairs(calibration) if calibration.interval is None else _by_light_users(calibration),
        _of_the_heaviest(calibration),
        *_warnings(calibration),
        f"Written to {out} as version {model_file.version}.",
        f"Window {_describe_window(result.actions.rows)}.",
        f"Rows left out: {_left_out(result.actions.rows, rejects)}.",
        *_of_strays(result.actions.rows),
    ]


def batch_table(versions: Sequence[BatchVersion]) -> str:
    """One line a version, oldest first; those that cannot be read say why below."""
    return table_of_versions(versions, _COLUMNS, _cells)


def _cells(version: BatchVersion) -> list[str] | None:
    batch = version.description
    if batch is None:
        return None
    computed_at = show_time(batch.computed_at_s)
    return [f"{batch.n_users:,}", computed_at, batch.parameters_version, batch.embedding_space.name]


def _by_light_users(calibration: Calibration) -> str:
    low, high = calibration.interval or (calibration.alpha, calibration.alpha)
    return (
        f"{_light_users(calibration)} have a median of {calibration.median_clusters:g} interests at any "
        f"alpha from {low:.4g} to {high:.4g}; the target is {TARGET_CLUSTERS}."
    )


def _by_random_pairs(calibration: Calibration) -> str:
    return (
        f"There are only {_light_users(calibration)}, calibration needs {MIN_LIGHT_USERS}. So alpha is the "
        "squared distance that 0.5 % of random pairs of pins stay within, a cosine of "
        f"{1 - calibration.alpha / 2:.3f}. Calibrate again when there are more users."
    )


def _light_users(calibration: Calibration) -> str:
    return f"{calibration.n_light_users:,} light users ({MIN_LIGHT_PINS} to {MAX_LIGHT_PINS} pins)"


def _of_the_heaviest(calibration: Calibration) -> str:
    return (
        f"Of the {calibration.n_users:,} users clustered, the 1 % with the most pins have at most "
        f"{calibration.heaviest_clusters} interests."
    )


def _warnings(calibration: Calibration) -> list[str]:
    lines = []
    if calibration.interval is not None and not calibration.reached_target:
        lines.append(f"Warning: no alpha gives a median of {TARGET_CLUSTERS}; this one is nearest.")
    if calibration.too_many_for_heaviest:
        lines.append(f"Warning: more than {MAX_CLUSTERS} interests are beyond the paper's 75 to 100.")
    return lines


def _describe_window(rows: WindowRows) -> str:
    return f"{rows.window}: {rows.counts.used:,} actions of {rows.counts.read:,} rows"


def _of_strays(rows: WindowRows) -> Iterator[str]:
    if (strays := rows.strays) is not None:
        yield (
            f"Warning: the window ends before {strays.n_actions:,} of the actions, too far ahead of all "
            f"others to be believed; the newest is of {show_time(strays.newest_s)} ({strays.newest_place}). "
            "If that is right, give a --now."
        )


def describe_forgotten(wish: Forget, profiles: str, *, is_stored: bool, is_sealed: bool) -> str:
    """What was forgotten, and what becomes of it.

    Args:
        wish: Whose, and until when.
        profiles: The store's name.
        is_stored: The store knows of it.
        is_sealed: The store's batches are files that never change.
    """
    what = f"all that user {wish.user_id!r} did until {show_time(wish.timestamp_s)}"
    if not is_stored:
        return f"To forget {what} is in the event stream; it holds once a consumer has read it."
    left = (
        "The files of its batches may hold it unread: run the next batch, then prune."
        if is_sealed
        else "Nothing of it is left in its batches."
    )
    return f"Forgotten in {profiles}: {what}. Servers show nothing of it within two seconds. {left}"


def _left_out(rows: WindowRows, rejects: Rejects) -> str:
    """The rows that were not used, by why: only what there was, bad rows last."""
    counts = rows.counts
    left_out = {
        "of actions not listed": counts.not_listed,
        "before the window": counts.before_window,
        "after the window": counts.after_watermark,
        "of forgotten users": counts.forgotten,
        **rejects.counts,
    }
    why = ", ".join(f"{n:,} {reason}" for reason, n in left_out.items() if n) or "none"
    return f"{why} (bad rows and unknown pins: {rejects.path})" if rejects.counts else why
