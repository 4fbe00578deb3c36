"""From a user to candidates, each stage a line.

Interleaved: profile -> sample -> retrieve -> merge. Fused: profile -> retrieve -> fuse.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from model.exclusion import representative_rows
from model.fusing import SPREAD_OVER
from model.interests import Representatives
from model.sampling import probabilities
from pinnersage.v1 import recommender_pb2 as pb
from server.budgets import budgets_of
from server.candidate_cache import CandidateList
from server.deadlines import Deadline
from server.encoding import encode_list
from server.errors import NotFoundError
from server.filtering import FilteredRetrieval
from server.fusing import Fusion, medoids_by_interest
from server.merging import Filters, Selection, merge
from server.metrics import Metrics
from server.profiles import ProfileSource, UserProfile
from server.recency import under_decay
from server.retrieval import TIERS, Medoid, Retrieval, Retrieved, tier
from server.sampling import Sampler
from server.takedown import BlockedRows, no_rows_blocked
from server.validation import Options, RecentAction
from storage.pins.port import NO_ROW, PinView

_NOTHING = Selection(np.empty(0, np.int64), np.empty(0, np.int64))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recommendation:
    """An answer before it is encoded.

    Attributes:
        interests: What was sampled, most important first.
        lists: One per sampled interest.
        selection: Which candidates of the lists make the answer.
        reason: Why it is not an ordinary answer, if it is not.
    """

    interests: tuple[pb.SampledInterest, ...] = ()
    lists: tuple[CandidateList, ...] = ()
    selection: Selection = field(default=_NOTHING)
    reason: "pb.AnswerReason.ValueType" = pb.ANSWER_REASON_UNSPECIFIED


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recommender:
    """Answers for one artefact version and one profile store.

    Attributes:
        pins: The artefact.
        profiles: Where users come from.
        sampler: Draws interests.
        retrieval: Fetches candidate lists.
        filtering: Fetches those of filtered requests.
        metrics: Times the stages, counts the answers.
        popular: What users without interests get; None for nothing.
        clock: Unix seconds UTC, now.
        blocked: What nobody may be shown, now.
    """

    pins: PinView
    profiles: ProfileSource
    sampler: Sampler
    retrieval: Retrieval
    filtering: FilteredRetrieval
    metrics: Metrics
    popular: CandidateList | None
    clock: Callable[[], int]
    blocked: Callable[[], BlockedRows] = no_rows_blocked

    def for_user(self, user_id: str, options: Options, deadline: Deadline) -> Recommendation:
        """Recommend for a stored user; one without interests gets the fallback and the reason."""
        return next(self.for_users([(user_id, options)], deadline))

    def for_users(self, asked: Sequence[tuple[str, Options]], deadline: Deadline) -> Iterator[Recommendation]:
        """The same for many users, one after the other, each when it is asked for.

        Args:
            asked: The users, and the options of each; exclusions are the same for all.
            deadline: Of all of them.
        """
        excluded = self._excluded(asked[0][1])
        for user_id, options in asked:
            deadline.check("profile")
            with self.metrics.stage("profile"):
                profile = self.profiles.load(user_id, self.clock())
            if profile is None:
                answer = self._fall_back(pb.ANSWER_REASON_UNKNOWN_USER, excluded, options)
            else:
                answer = self._recommend(profile, excluded, options, deadline)
            self.metrics.count_answer(answer.reason, options.variant)
            yield answer

    def for_pins(
        self, actions: list[RecentAction], options: Options, deadline: Deadline
    ) -> tuple[Recommendation, int]:
        """Recommend from recent pins, and how many of them are unknown to the artefact, or blocked."""
        deadline.check("profile")
        with self.metrics.stage("profile"):
            profile, unknown_pins = self.profiles.from_recent(actions, self.clock())
        answer = self._recommend(profile, self._excluded(options), options, deadline)
        self.metrics.count_answer(answer.reason, options.variant)
        return answer, unknown_pins

    def similar(self, pin_id: str, options: Options, deadline: Deadline) -> tuple[Recommendation, bool]:
        """The pins nearest to one, and whether the list came from the cache.

        Raises:
            NotFoundError: The artefact does not hold the pin, or it is blocked.
        """
        row, blocked = self.pins.row(pin_id), self.blocked()
        if row == NO_ROW:
            raise NotFoundError(f"pin_id: the artefact {self.pins.version} does not hold pin {pin_id!r}")
        if blocked.among(np.array([row])).any():
            raise NotFoundError(f"pin_id: pin {pin_id!r} is blocked")
        itself = representative_rows(np.array([row]), self.pins.representatives)
        filters = self._filters(np.union1d(itself, self._excluded(options)), options, blocked)
        budgets = (options.max_candidates,)
        retrieved, selection = self._fill([(pin_id, row)], filters, budgets, options, deadline)
        return _answer((), retrieved, selection), retrieved[0].cache_hit

    def _recommend(
        self, profile: UserProfile, excluded: NDArray[np.int64], options: Options, deadline: Deadline
    ) -> Recommendation:
        excluded = np.union1d(profile.seen, excluded)
        if not len(profile.interests):
            return self._fall_back(pb.ANSWER_REASON_NO_USABLE_INTERESTS, excluded, options)
        if options.lambda_per_day is not None:
            in_place_of = self.profiles.batch.parameters.lambda_per_day
            profile = under_decay(profile, options.lambda_per_day, in_place_of=in_place_of)
        if options.merge_policy == pb.MERGE_POLICY_FUSED:
            return self._fused(profile, excluded, options, deadline)
        return self._interleaved(profile, excluded, options, deadline)

    def _interleaved(
        self, profile: UserProfile, excluded: NDArray[np.int64], options: Options, deadline: Deadline
    ) -> Recommendation:
        """From a few interests, sampled, each by its medoid."""
        with self.metrics.stage("sample"):
            sampled = self.sampler.sample(profile.interests.importances, options.max_interests, options.seed)
        medoids = [(profile.interests.medoid_pin_ids[at], int(profile.rows[at])) for at in sampled.tolist()]
        filters = self._filters(excluded, options, profile.blocked)
        importances = profile.interests.importances[sampled]
        budgets = budgets_of(options.budget, options.max_candidates, importances)
        retrieved, selection = self._fill(medoids, filters, budgets, options, deadline)
        return _answer(_describe(profile, sampled, retrieved), retrieved, selection)

    def _fused(
        self, profile: UserProfile, excluded: NDArray[np.int64], options: Options, deadline: Deadline
    ) -> Recommendation:
        """From all interests of some importance, by all of their representatives together."""
        representatives, rows = self.profiles.representatives(profile)
        fusion = Fusion(
            representatives=representatives,
            rows=rows,
            embeddings=self.pins.embeddings,
            policy=self.profiles.batch.parameters.fusing,
        )
        themselves = representative_rows(rows, self.pins.representatives)
        filters = self._filters(np.union1d(excluded, themselves), options, profile.blocked)
        retrieved, selection = self._fill_fused(fusion, filters, options, deadline)
        return _answer(_describe_fused(profile, representatives, retrieved), retrieved, selection)

    def _fill(
        self,
        medoids: list[Medoid],
        filters: Filters,
        budgets: Sequence[int],
        options: Options,
        deadline: Deadline,
    ) -> tuple[list[Retrieved], Selection]:
        """Fetch the medoids' lists and merge them; lists that exclusions left short are fetched wider."""
        retrieved = self._retrieve(medoids, max(budgets), filters, deadline)
        while True:
            lists = [each.candidates for each in retrieved]
            with self.metrics.stage("merge"):
                selection = merge(lists, filters, budgets=budgets, max_candidates=options.max_candidates)
            short = _short_lists(lists, selection, filters, budgets, options.max_candidates)
            if not short:
                self.metrics.count_candidates(len(selection), options.max_candidates)
                self.metrics.count_blocked(filters.n_blocked(lists))
                return self._encoded(medoids, retrieved, selection, filters)
            at_least = 1 + max(lists[at].wanted for at in short)
            wider = self._retrieve([medoids[at] for at in short], at_least, filters, deadline)
            for at, each in zip(short, wider, strict=True):
                retrieved[at] = _wider(retrieved[at], each)

    def _fill_fused(
        self, fusion: Fusion, filters: Filters, options: Options, deadline: Deadline
    ) -> tuple[list[Retrieved], Selection]:
        """Fetch all lists and fuse them; when exclusions left the answer short, all are fetched wider.

        Lists are cut to one length, however long those are that the cache happens to hold.
        """
        medoids = list(zip(fusion.representatives.pin_ids, fusion.rows.tolist(), strict=True))
        k = tier(options.max_candidates)
        retrieved = self._retrieve(medoids, max(k, SPREAD_OVER), filters, deadline, with_spread=True)
        while True:
            deadline.check("fuse")
            lists = [each.candidates.first(k) for each in retrieved]
            with self.metrics.stage("fuse"):
                selection = fusion.fuse(lists, filters, max_candidates=options.max_candidates)
            is_full = len(selection) == options.max_candidates
            if is_full or k == TIERS[-1] or not any(map(filters.may_find_more, lists)):
                break
            k = tier(k + 1)
            if k > SPREAD_OVER:
                further = self._retrieve(medoids, k, filters, deadline, with_spread=True)
                retrieved = list(map(_wider, retrieved, further))
        self.metrics.count_candidates(len(selection), options.max_candidates)
        self.metrics.count_blocked(filters.n_blocked(lists))
        return self._encoded(medoids, retrieved, selection, filters)

    def _retrieve(
        self,
        medoids: list[Medoid],
        at_least: int,
        filters: Filters,
        deadline: Deadline,
        *,
        with_spread: bool = False,
    ) -> list[Retrieved]:
        with self.metrics.stage("retrieve"):
            if filters.passing is None:
                return self.retrieval.fetch(medoids, at_least=at_least, deadline=deadline)
            return self.filtering.fetch(
                medoids, filters.passing, at_least=at_least, with_spread=with_spread, deadline=deadline
            )

    def _encoded(
        self, medoids: list[Medoid], retrieved: list[Retrieved], selection: Selection, filters: Filters
    ) -> tuple[list[Retrieved], Selection]:
        """Lists with the bytes of what was selected: those of filtered requests have none yet."""
        if filters.passing is None:
            return retrieved, selection
        return self.filtering.encoded(medoids, retrieved, selection)

    def _excluded(self, options: Options) -> NDArray[np.int64]:
        """int64 [x]: the caller's exclusions, by representative."""
        return representative_rows(self.pins.rows(options.exclude_pin_ids), self.pins.representatives)

    def _filters(self, excluded: NDArray[np.int64], options: Options, blocked: BlockedRows) -> Filters:
        return Filters(
            representatives=self.pins.representatives,
            excluded=excluded,
            min_score=options.min_score,
            blocked=blocked,
            passing=self.filtering.passing(options.where),
        )

    def _fall_back(
        self, reason: "pb.AnswerReason.ValueType", excluded: NDArray[np.int64], options: Options
    ) -> Recommendation:
        if not self.popular:
            return Recommendation(reason=reason)
        self.metrics.count_fallback()
        # A popular pin has no cosine to anything: min_score does not apply.
        filters = self._filters(excluded, replace(options, min_score=None), self.blocked())
        n = options.max_candidates
        selection = merge([self.popular], filters, budgets=(n,), max_candidates=n)
        self.metrics.count_blocked(filters.n_blocked([self.popular]))
        interest = pb.SampledInterest(probability=1.0, origin=pb.INTEREST_ORIGIN_FALLBACK, cache_hit=True)
        return Recommendation(
            interests=(interest,), lists=(self.popular,), selection=selection, reason=reason
        )


def popular_list(pins: PinView, rows: NDArray[np.int64]) -> CandidateList:
    """The fallback's candidates, encoded once at start."""
    return encode_list(rows, pins.pin_ids(rows), None, medoid_pin_id="", wanted=len(rows))


def _answer(
    interests: tuple[pb.SampledInterest, ...], retrieved: Sequence[Retrieved], selection: Selection
) -> Recommendation:
    return Recommendation(
        interests=interests,
        lists=tuple(each.candidates for each in retrieved),
        selection=selection,
        reason=pb.ANSWER_REASON_UNSPECIFIED if len(selection) else pb.ANSWER_REASON_ALL_FILTERED,
    )


def _wider(first: Retrieved, wider: Retrieved) -> Retrieved:
    """The wider list; whether it was in the cache is what the call's first look found."""
    return Retrieved(wider.candidates, first.cache_hit)


def _describe(
    profile: UserProfile, sampled: NDArray[np.int64], retrieved: Sequence[Retrieved]
) -> tuple[pb.SampledInterest, ...]:
    shares = probabilities(profile.interests.importances)
    return tuple(
        pb.SampledInterest(
            medoid_pin_id=profile.interests.medoid_pin_ids[at],
            importance=profile.interests.importances[at],
            probability=shares[at],
            origin=profile.origins[at],
            cache_hit=each.cache_hit,
        )
        for at, each in zip(sampled.tolist(), retrieved, strict=True)
    )


def _describe_fused(
    profile: UserProfile, representatives: Representatives, retrieved: Sequence[Retrieved]
) -> tuple[pb.SampledInterest, ...]:
    """The interests that anybody stands for, most important first."""
    medoids = medoids_by_interest(representatives)
    hits = np.array([each.cache_hit for each in retrieved])
    shares = probabilities(profile.interests.importances)
    return tuple(
        pb.SampledInterest(
            medoid_pin_id=profile.interests.medoid_pin_ids[at],
            importance=profile.interests.importances[at],
            probability=shares[at],
            origin=profile.origins[at],
            cache_hit=bool(hits[representatives.interests == at].all()),
            medoids=medoids[at],
        )
        for at in sorted(medoids)
    )


def _short_lists(
    lists: Sequence[CandidateList],
    selection: Selection,
    filters: Filters,
    budgets: Sequence[int],
    max_candidates: int,
) -> list[int]:
    """The lists that gave less than their budget to an answer that is not full, and may hold more."""
    if len(selection) >= max_candidates:
        return []
    taken = selection.taken_from(len(lists)).tolist()
    return [
        at
        for at, each in enumerate(lists)
        if taken[at] < budgets[at] and each.wanted < TIERS[-1] and filters.may_find_more(each)
    ]
