"""The methods that are compared, each as what it embeds a user with and how it picks and merges."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from model.fusing import FusePolicy

Clustering = Literal["ward", "complete", "k-means", "oracle k-means"]
Embedding = Literal["last pin", "decay average", "medoid", "centroid"]
Merge = Literal["prefixes", "refilled", "fused"]

PAPERS_LAMBDA = 0.01
K_MEANS_K = 5
K_MEANS_ORACLE_K = 3
"""Of Table 1."""
DEFAULT_E = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way to recommend.

    Attributes:
        key: Names it in stages and columns.
        title: For people.
        kind: "single", "several" or "fused".
        embedding: What a user, or a cluster, is searched with.
        clustering: Of a user's pins, where there is one.
        lambda_per_day: Decay of importance, or of the average.
        e: Embeddings used a request, at most.
        sampled: Drawn in proportion to importance; otherwise the most important ones.
        merge: "prefixes" takes floor(n / e) from each list, as the paper's experiment; "refilled" interleaves
            as the server does; "fused" scores the union of the lists.
        policy: Of the fusion.
    """

    key: str
    title: str
    kind: str
    embedding: Embedding
    clustering: Clustering = "ward"
    lambda_per_day: float = PAPERS_LAMBDA
    e: int = 1
    sampled: bool = False
    merge: Merge = "prefixes"
    policy: FusePolicy = field(default_factory=FusePolicy)


def _decay(lambda_per_day: float) -> Method:
    return Method(
        key=f"decay-{lambda_per_day:g}",
        title=f"Decay average, λ = {lambda_per_day:g}",
        kind="single",
        embedding="decay average",
        lambda_per_day=lambda_per_day,
    )


LAST_PIN = Method(key="last-pin", title="Last pin", kind="single", embedding="last pin")
DECAY_AVERAGES = tuple(_decay(value) for value in (0.0, 0.01, 0.1, 0.25))
SINGLES = (LAST_PIN, *DECAY_AVERAGES)


def _pinnersage(key: str, title: str, **changes: object) -> Method:
    chosen: Mapping[str, object] = {"embedding": "medoid", "e": DEFAULT_E, "sampled": True, **changes}
    return Method(key=key, title=f"PinnerSage ({title})", kind="several", **chosen)  # type: ignore[arg-type] # typed by Method


DEFAULT = _pinnersage("pinnersage", "Ward, medoid, λ = 0.01: the default")
REFILLED = _pinnersage("refilled", "default, refilled as the server does", merge="refilled")
TOP_10 = _pinnersage("top-10", "the 10 most important, not sampled", sampled=False, e=10)
PAPERS = (
    *SINGLES,
    _pinnersage("sample-1", "sample 1 embedding", e=1),
    _pinnersage("k-means", f"k-means, k = {K_MEANS_K}", clustering="k-means"),
    _pinnersage("complete", "complete linkage", clustering="complete"),
    _pinnersage("centroid", "embedding = centroid", embedding="centroid"),
    _pinnersage("lambda-0", "importance λ = 0", lambda_per_day=0.0),
    _pinnersage("lambda-0.1", "importance λ = 0.1", lambda_per_day=0.1),
    DEFAULT,
)
"""Those of the paper's Tables 4 and 5."""
TABLE_4 = (
    *PAPERS,
    REFILLED,
    _pinnersage("top-3", "the 3 most important, not sampled", sampled=False),
    TOP_10,
)
FIGURE_7 = tuple(_pinnersage(f"e-{e}", f"e = {e}", e=e) for e in range(1, 11))
"""Sampled, as the paper does."""


def fused(policy: FusePolicy, lambda_per_day: float = PAPERS_LAMBDA) -> Method:
    """Several medoids an interest, scored together over the union of their lists."""
    tail = "" if policy.fused_share == 1 else f", {1 - policy.fused_share:.0%} interleaved"
    is_papers = lambda_per_day == PAPERS_LAMBDA
    return Method(
        key=f"fused-{policy.n_representatives}-{policy.perplexity:g}-{policy.fused_share:g}"
        + ("" if is_papers else f"-{lambda_per_day:g}"),
        title=f"{policy.n_representatives} medoids fused, perplexity {policy.perplexity:g}{tail}"
        + ("" if is_papers else f", λ = {lambda_per_day:g}"),
        lambda_per_day=lambda_per_day,
        kind="fused",
        embedding="medoid",
        e=policy.n_representatives,
        merge="fused",
        policy=policy,
    )


SERVED_LAMBDA = 0.02
"""Of the representatives, per day: see SERVED."""
SERVED = fused(FusePolicy(), SERVED_LAMBDA)
"""The service's own fused merge: ahead of every single embedding on all measures in the validation periods of
movietweetings, with either vectors, and of the large world."""
_CANDIDATES = (
    SERVED,
    fused(FusePolicy(n_representatives=20), SERVED_LAMBDA),
    *(
        fused(FusePolicy(perplexity=perplexity, fused_share=share), lambda_per_day)
        for lambda_per_day in (SERVED_LAMBDA, 0.01, 0.1)
        for perplexity in (325.0, 350.0)
        for share in (0.9, 1.0)
    ),
)
FUSED = tuple(dict.fromkeys(_CANDIDATES))
"""What validation chooses from: how fast people's interests change differs more than anything else."""
