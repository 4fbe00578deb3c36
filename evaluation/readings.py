"""The protocol in words, each part marked as the paper's or as our reading of what it leaves open."""

from evaluation.protocol import Protocol
from evaluation.results import Reading


def readings(protocol: Protocol) -> tuple[Reading, ...]:
    """Everything that a reader of the results must know of how they were made."""
    n = protocol.n_candidates
    papers = {
        "Training": "all actions before the day that is judged; updated after every day",
        "Weight of a day": "every daily batch counts the same",
        "Candidates": f"{n}, floor({n} / e) an embedding",
        "Overlap": "pins in two lists leave the answer shorter; the server refills it",
        "Relevance": "share of action pins with a cosine at the threshold to a recommended pin",
        "Recall": "share of action pins among the recommended pins",
        "Ranking": (
            f"{protocol.impressions_per_action} impressions an action (not liked ones first, then random "
            "pins), scored by the maximum cosine over the picked embeddings"
        ),
    }
    ours = {
        "Weight within a day": "every user counts the same",
        "Window": f"{protocol.window_days} days, the last one ending at 00:00 UTC",
        "Decay": "lambda is per day",
        "Few interests": "e is what a user has, where that is less: one interest gets all candidates",
        "Past pins": _past_pins(protocol),
        "Pool": "all pins on every day, also those that nobody had acted on yet",
        "Ranking, fused": "the maximum is over all medoids that are fused; the fused score is not used",
        "Sampling noise": f"averaged over {protocol.n_seeds} draws",
        "Intervals": f"95 %, paired bootstrap over users, {protocol.n_resamples:,} resamples",
        "Best single embedding": (
            "the one with the highest value in the same cases, not chosen anew in a resample: chance favours "
            "it, so lifts over it are a little too low"
        ),
    }
    return tuple(
        Reading(what=what, value=value, is_papers=is_papers)
        for parts, is_papers in ((papers, True), (ours, False))
        for what, value in parts.items()
    )


def _past_pins(protocol: Protocol) -> str:
    if protocol.removes_past:
        return "removed for every method alike, then from the positives too"
    return "left in, for every method alike"
