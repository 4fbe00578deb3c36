"""Runs methods on cases: embeddings to lists, lists to an answer, the answer against what the user did."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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
from model.budget import budget_per_interest
from model.fusing import fuse, fused_scores, union
from model.merging import interleave
from process.progress import Reporter

_CASES_AT_A_TIME = 512
_REFILLED_DRAWS = 5
"""Refilling makes every draw a merge of its own; what it adds to a draw varies little."""

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What every measurement needs.

    Attributes:
        protocol: How methods are judged.
        thresholds: float64 [t], of relevance.
        cosines: Between pins.
        lists: Nearest pins of pins, long enough to lose a user's past pins.
        retriever: Nearest pins of other vectors.
        pool: float16 [n, d].
        reporter: Told of progress.
    """

    protocol: Protocol
    thresholds: NDArray[np.float64]
    cosines: Cosines
    lists: ListCache
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
    seen = np.zeros(len(bench.pool), np.bool_)
    found = []
    with bench.reporter.step(method.title, len(people.cases)) as step:
        for first in range(0, len(people.cases), _CASES_AT_A_TIME):
            part = slice(first, first + _CASES_AT_A_TIME)
            requests = [
                _request(case, of_case, method, bench.protocol)
                for case, of_case in zip(people.cases[part], embeddings[part], strict=True)
            ]
            for request, lists in zip(requests, _lists(requests, bench), strict=True):
                found.append(_judge(request, _unseen(lists, request.case, seen), method, bench))
            step.advance(len(requests))
    return np.array(found)


def measure_fused(methods: Sequence[Method], people: People, bench: Bench) -> dict[str, NDArray[np.float64]]:
    """The same for methods that fuse the lists of the same representatives, by the key of the method."""
    embeddings = people.embeddings(methods[0])
    seen = np.zeros(len(bench.pool), np.bool_)
    found: dict[str, list[NDArray[np.float64]]] = {method.key: [] for method in methods}
    with bench.reporter.step(
        f"Fused: {methods[0].policy.n_representatives} medoids", len(people.cases)
    ) as step:
        bench.lists.fetch(np.unique(np.concatenate([of_case.rows for of_case in embeddings])))
        for case, of_case in zip(people.cases, embeddings, strict=True):
            lists = _unseen(bench.lists.fetch(of_case.rows)[1], case, seen)
            for method, answer in _fused_answers(methods, lists, of_case, bench):
                found[method.key].append(_judge_answers(case, [answer], of_case.vectors[np.newaxis], bench))
            step.advance()
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


def _lists(requests: Sequence[_Request], bench: Bench) -> Iterator[Rows]:
    """Each request's lists, [c, k]: pins from the cache, all other vectors of all requests in one search."""
    rows = np.concatenate([request.embeddings.rows for request in requests])
    vectors = np.concatenate([request.embeddings.vectors for request in requests])
    is_pin = rows != NO_ROW
    lists = np.empty((len(rows), bench.lists.k), np.int64)
    lists[is_pin] = bench.lists.fetch(rows[is_pin])[1]
    if not is_pin.all():
        lists[~is_pin] = bench.retriever.nearest(vectors[~is_pin], bench.lists.k)[1]
    ends = np.cumsum([len(request.embeddings.rows) for request in requests])
    return iter(np.split(lists, ends[:-1]))


def _unseen(lists: Rows, case: Case, seen: NDArray[np.bool_]) -> list[Rows]:
    """Each list without the pins not to be recommended. `seen` is all False, and is left so."""
    seen[case.seen] = True
    left = [of_list[~seen[of_list]] for of_list in lists]
    seen[case.seen] = False
    return left


def _judge(request: _Request, lists: list[Rows], method: Method, bench: Bench) -> NDArray[np.float64]:
    n, e = bench.protocol.n_candidates, request.chosen.shape[1]
    if method.merge == "refilled":
        chosen = request.chosen[:_REFILLED_DRAWS]
        answers = [_refilled([lists[i] for i in draw], n) for draw in chosen]
        return _judge_answers(request.case, answers, request.embeddings.vectors[chosen], bench)
    # Without refilling, what a draw finds is what its lists find: each list is judged once for all draws.
    nearest, found = _against(request.case.positives, [of_list[: n // e] for of_list in lists], bench.cosines)
    scores = _target_scores(request.case, request.embeddings.vectors, bench)
    return judged(
        nearest[request.chosen].max(axis=1),
        found[request.chosen].max(axis=1),
        scores[request.chosen].max(axis=1),
        bench.thresholds,
    )


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
    heads = [of_list[:n] for of_list in lists]
    rows, places = union(heads)
    cosines = bench.cosines.between(embeddings.rows, rows)
    scores: dict[float, NDArray[np.float32]] = {}
    for method in methods:
        temperature = method.policy.temperature
        if temperature not in scores:
            scores[temperature] = fused_scores(cosines, embeddings.importances, temperature)
        share = method.policy.fused_share
        yield method, rows[fuse(places, scores[temperature], fused_share=share, n=n)]


def diversity(method: Method, people: People, bench: Bench, *, max_cases: int) -> NDArray[np.float64]:
    """How far apart the pins of an answer are: the mean of 1 - cosine over its pairs, in the first draw.

    Returns:
        float64 [n_cases, 1], NaN for cases left out: evenly, so that about `max_cases` are measured.
    """
    found = np.full((len(people.cases), 1), np.nan)
    places = range(0, len(people.cases), max(len(people.cases) // max_cases, 1))
    embeddings = people.embeddings(method)
    seen = np.zeros(len(bench.pool), np.bool_)
    for i in bench.reporter.each(f"Diversity: {method.title}", places, len(places)):
        request = _request(people.cases[i], embeddings[i], method, bench.protocol)
        lists = _unseen(next(_lists([request], bench)), request.case, seen)
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
