"""Runs methods on cases: embeddings to lists, lists to an answer, the answer against what the user did."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from evaluation.cosines import Cosines
from evaluation.drawing import draws
from evaluation.embeddings import NO_ROW, Embeddings
from evaluation.list_cache import ListCache
from evaluation.methods import Method
from evaluation.metrics import judged
from evaluation.people import People
from evaluation.protocol import Case, Protocol
from evaluation.retrieval import Retriever
from evaluation.spreading import Spreads
from model.budget import budget_per_interest
from model.fusing import fuse, fused_scores, union
from model.merging import interleave
from process.progress import Reporter

_CASES_AT_A_TIME = 512
_FIRST_DEPTH = 5
"""Quarters of an answer: how deep a list is searched at first, to lose a user's past pins."""

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What every measurement needs.

    Attributes:
        protocol: How methods are judged.
        thresholds: float64 [t], of relevance.
        cosines: Between pins.
        lists: Nearest pins of pins.
        spreads: Of pins over their own lists, for the fused merge.
        retriever: Nearest pins of other vectors.
        pool: float16 [n, d].
        reporter: Told of progress.
    """

    protocol: Protocol
    thresholds: NDArray[np.float64]
    cosines: Cosines
    lists: ListCache
    spreads: Spreads
    retriever: Retriever
    pool: NDArray[np.float16]
    reporter: Reporter


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Request:
    """One case of a method: which of its embeddings each draw uses.

    Attributes:
        case: Who and when.
        embeddings: Those that some draw uses.
        chosen: int64 [s, e], each draw's embeddings, indices into the above.
    """

    case: Case
    embeddings: Embeddings
    chosen: NDArray[np.int64]


def measure(method: Method, people: People, bench: Bench) -> NDArray[np.float64]:
    """Each case's metrics under a method that searches and takes from the lists: float64 [n_cases, t + 3]."""
    embeddings = people.embeddings(method)
    requests = (
        _request(case, of_case, method, bench.protocol)
        for case, of_case in zip(people.cases, embeddings, strict=True)
    )
    answered = bench.reporter.each(method.title, _answered(requests, bench), len(people.cases))
    return np.array([_judge(request, lists, method, bench) for request, lists in answered])


def measure_fused(methods: Sequence[Method], people: People, bench: Bench) -> dict[str, NDArray[np.float64]]:
    """The same for methods that fuse the lists of the same representatives, by the key of the method."""
    embeddings = people.embeddings(methods[0])
    requests = (
        _request(case, of_case, methods[0], bench.protocol)
        for case, of_case in zip(people.cases, embeddings, strict=True)
    )
    found: dict[str, list[NDArray[np.float64]]] = {method.key: [] for method in methods}
    title = f"Fused: {methods[0].policy.n_representatives} medoids"
    for request, lists in bench.reporter.each(title, _answered(requests, bench), len(people.cases)):
        case, of_case = request.case, request.embeddings
        for method, answer in _fused_answers(methods, lists, of_case, bench):
            found[method.key].append(_judge_answers(case, [answer], of_case.vectors[np.newaxis], bench))
    return {key: np.array(values) for key, values in found.items()}


def _request(case: Case, embeddings: Embeddings, method: Method, protocol: Protocol) -> _Request:
    if method.sampled:
        generator = np.random.default_rng((case.user, case.day, 1))
        chosen = draws(embeddings.importances, method.e, protocol.n_seeds, generator)
    else:
        chosen = np.arange(min(method.e, len(embeddings.importances)))[np.newaxis]
    used, chosen_of_used = np.unique(chosen, return_inverse=True)
    return _Request(
        case=case,
        embeddings=Embeddings(
            importances=embeddings.importances[used],
            vectors=embeddings.vectors[used],
            rows=embeddings.rows[used],
        ),
        chosen=chosen_of_used.reshape(chosen.shape),
    )


def _answered(requests: Iterable[_Request], bench: Bench) -> Iterator[tuple[_Request, list[Rows]]]:
    """Each request with its lists; many requests are searched for at once."""
    waiting = iter(requests)
    while some := list(islice(waiting, _CASES_AT_A_TIME)):
        yield from zip(some, _unseen_lists(some, bench), strict=True)


def first_depth(protocol: Protocol) -> int:
    """How deep lists are searched at first: enough for most people to lose the pins that they have seen."""
    return _FIRST_DEPTH * protocol.n_candidates // 4


def _unseen_lists(requests: Sequence[_Request], bench: Bench) -> list[list[Rows]]:
    """Each request's lists without the pins not to be recommended, as many candidates long as an answer.

    Most people have seen little of what is near: only those whose lists get too short are searched deeper.
    """
    n, k = bench.protocol.n_candidates, first_depth(bench.protocol)
    seen = np.zeros(len(bench.pool), np.bool_)
    unseen: list[list[Rows]] = [[] for _ in requests]
    too_short = list(range(len(requests)))
    while too_short:
        found = _lists([requests[i] for i in too_short], k, bench)
        for i, lists in zip(too_short, found, strict=True):
            unseen[i] = _unseen(lists, requests[i].case, n, seen)
        if k >= len(bench.pool):
            break
        too_short = [i for i in too_short if any(len(of_list) < n for of_list in unseen[i])]
        k *= 2
    return unseen


def _lists(requests: Sequence[_Request], k: int, bench: Bench) -> list[Rows]:
    """Each request's lists, [c, k]: pins from the cache, all other vectors of all requests in one search."""
    rows = np.concatenate([request.embeddings.rows for request in requests])
    vectors = np.concatenate([request.embeddings.vectors for request in requests])
    is_pin = rows != NO_ROW
    lists = np.empty((len(rows), min(k, len(bench.pool))), np.int64)
    lists[is_pin] = bench.lists.fetch(rows[is_pin], k)
    if not is_pin.all():
        lists[~is_pin] = bench.retriever.nearest(vectors[~is_pin], k)[1]
    ends = np.cumsum([len(request.embeddings.rows) for request in requests])
    return np.split(lists, ends[:-1])


def _unseen(lists: Rows, case: Case, n: int, seen: NDArray[np.bool_]) -> list[Rows]:
    """The first n pins of each list that may be recommended. `seen` is all False, and is left so."""
    seen[case.seen] = True
    left = [of_list[~seen[of_list]][:n] for of_list in lists]
    seen[case.seen] = False
    return left


def _judge(request: _Request, lists: list[Rows], method: Method, bench: Bench) -> NDArray[np.float64]:
    n, e = bench.protocol.n_candidates, request.chosen.shape[1]
    if method.merge == "refilled":
        return _judge_refilled(request, lists, bench)
    # Without refilling, what a draw finds is what its lists find: each list is judged once for all draws.
    nearest, found = _against(request.case.positives, [of_list[: n // e] for of_list in lists], bench.cosines)
    scores = _target_scores(request.case, request.embeddings.vectors, bench)
    return judged(
        nearest[request.chosen].max(axis=1),
        found[request.chosen].max(axis=1),
        scores[request.chosen].max(axis=1),
        bench.thresholds,
    )


def _judge_refilled(request: _Request, lists: list[Rows], bench: Bench) -> NDArray[np.float64]:
    """Over all draws, though each different one is merged once: people of few interests have few of them."""
    draws_once, which = np.unique(request.chosen, axis=0, return_inverse=True)
    answers = [_refilled([lists[i] for i in draw], bench.protocol.n_candidates) for draw in draws_once]
    nearest, found = _against(request.case.positives, answers, bench.cosines)
    scores = _target_scores(request.case, request.embeddings.vectors, bench)
    return judged(nearest[which], found[which], scores[request.chosen].max(axis=1), bench.thresholds)


def _judge_answers(
    case: Case, answers: Sequence[Rows], vectors: NDArray[np.float32], bench: Bench
) -> NDArray[np.float64]:
    """The metrics of s answers, made with the embeddings float32 [s, e, d]."""
    nearest, found = _against(case.positives, answers, bench.cosines)
    scores = _target_scores(case, vectors, bench).max(axis=1)
    return judged(nearest, found, scores, bench.thresholds)


def _against(
    positives: Rows, lists: Sequence[Rows], cosines: Cosines
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """What each list does for each action pin: highest cosine, and whether it is there, both [lists, p]."""
    nearest = np.full((len(lists), len(positives)), -1, np.float32)
    found = np.zeros((len(lists), len(positives)), np.bool_)
    for i, of_list in enumerate(lists):
        if len(of_list):
            nearest[i] = cosines.between(positives, of_list).max(axis=1)
            found[i] = (of_list == positives[:, np.newaxis]).any(axis=1)
    return nearest, found


def _target_scores(case: Case, vectors: NDArray[np.float32], bench: Bench) -> NDArray[np.float32]:
    """float32 [..., p + i]: each embedding's cosine to the action pins and to the impressions."""
    targets = np.concatenate([case.positives, case.impressions])
    scores: NDArray[np.float32] = vectors @ bench.pool[targets].astype(np.float32).T
    return scores


def _refilled(lists: Sequence[Rows], n: int) -> Rows:
    """The server's answer: lists interleaved, what one loses to another refilled from its tail."""
    merged = interleave(lists, budget=budget_per_interest(n, len(lists)), max_candidates=n)
    return np.array([lists[i][at] for i, at in zip(merged.lists, merged.positions, strict=True)], np.int64)


def _fused_answers(
    methods: Sequence[Method], lists: Sequence[Rows], embeddings: Embeddings, bench: Bench
) -> Iterator[tuple[Method, Rows]]:
    """The answer of every policy; what they share is worked out once."""
    n = bench.protocol.n_candidates
    rows, places = union(lists)
    cosines = bench.cosines.between(embeddings.rows, rows)
    scores: dict[float, NDArray[np.float32]] = {}
    for method in methods:
        perplexity = method.policy.perplexity
        if perplexity not in scores:
            spread = bench.spreads.of(embeddings.rows, perplexity)
            scores[perplexity] = fused_scores(cosines, embeddings.importances, spread)
        share = method.policy.fused_share
        yield method, rows[fuse(places, scores[perplexity], fused_share=share, n=n)]


def diversity(method: Method, people: People, bench: Bench, places: Sequence[int]) -> NDArray[np.float64]:
    """How far apart the pins of an answer are: the mean of 1 - cosine over its pairs, in the first draw.

    Returns:
        float64 [n_cases, 1], NaN for all cases but those at `places`.
    """
    found = np.full((len(people.cases), 1), np.nan)
    embeddings = people.embeddings(method)
    requests = (_request(people.cases[i], embeddings[i], method, bench.protocol) for i in places)
    answered = bench.reporter.each(f"Diversity: {method.title}", _answered(requests, bench), len(places))
    for i, (request, lists) in zip(places, answered, strict=True):
        n_each = bench.protocol.n_candidates // request.chosen.shape[1]
        answer = np.unique(np.concatenate([lists[j][:n_each] for j in request.chosen[0]]))
        found[i] = _mean_distance(bench.pool[answer].astype(np.float64))
    return found


def _mean_distance(X: NDArray[np.float64]) -> float:
    """The mean of 1 - x_i x_j over i < j, through the vectors' sum."""
    n, total = len(X), X.sum(axis=0)
    if n < 2:
        return 0.0
    return float(1 - (total @ total - np.einsum("ij,ij->", X, X)) / (n * (n - 1)))
