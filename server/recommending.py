"""From a user to candidates, each stage a line.

Interleaved: profile -> sample -> retrieve -> merge. Fused: profile -> retrieve -> fuse.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pinnersage.v1 import recommender_pb2 as pb
from server.budgets import budgets_of
from server.candidate_lists import CandidateList
from server.deadlines import Deadline
from server.describing import FALLBACK, describe_fused, describe_sampled
from server.encoding import encode_list
from server.errors import NotFoundError
from server.filling import Filled, Filling
from server.filtering import FilteredRetrieval
from server.fusing import Fusion
from server.merging import Excluded, Filters, Selected, Selection, merge
from server.metrics import Metrics
from server.profiles import ProfileSource
from server.retrieval import Retrieval
from server.sampling import Sampler
from server.served_profiles import ServedProfile
from server.takedown import BlockedRows, no_rows_blocked
from server.users import ServedProfiles
from server.validation import Options, RecentAction
from storage.pins.port import NO_ROW, PinView

_NOTHING = Selection(np.empty(0, np.int64), np.empty(0, np.int64))
_NOBODY = np.empty(0, np.int32)

Degraded = tuple["pb.Degradation.ValueType", ...]


# Not frozen: see server.validation.Options.
@dataclass(slots=True, eq=False)
class Recommendation:
    """An answer before it is encoded.

    Attributes:
        interests: What it was made from, most important first: serialised, see server.describing.
        lists: One per medoid.
        selection: Which candidates of the lists make the answer.
        reason: Why it is not an ordinary answer, if it is not.
        degraded: What was given up to answer at all.
    """

    interests: bytes = b""
    lists: tuple[CandidateList, ...] = ()
    selection: Selected = field(default=_NOTHING)
    reason: "pb.AnswerReason.ValueType" = pb.ANSWER_REASON_UNSPECIFIED
    degraded: Degraded = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recommender:
    """Answers for one artefact version and one profile store.

    Attributes:
        pins: The artefact.
        profiles: Where users come from.
        users: The same, parsed and kept.
        sampler: Draws interests.
        filling: Fetches lists and merges them.
        metrics: Times the stages, counts the answers.
        popular: What users without interests get; None for nothing.
        clock: Unix seconds UTC, now.
        blocked: What nobody may be shown, now.
    """

    pins: PinView
    profiles: ProfileSource
    users: ServedProfiles
    sampler: Sampler
    filling: Filling
    metrics: Metrics
    popular: CandidateList | None
    clock: Callable[[], int]
    blocked: Callable[[], BlockedRows] = no_rows_blocked

    @property
    def retrieval(self) -> Retrieval:
        """Fetches candidate lists."""
        return self.filling.retrieval

    @property
    def filtering(self) -> FilteredRetrieval:
        """Fetches those of filtered requests."""
        return self.filling.filtering

    def for_user(self, user_id: str, options: Options, deadline: Deadline) -> Recommendation:
        """Recommend for a stored user; one without interests gets the fallback and the reason.

        Raises:
            StoreUnavailableError: The store does not answer.
            DamagedRecordError: What is stored of the user cannot be trusted.
        """
        now_s = self.clock()
        with self.metrics.stage("profile"):
            profile = self.users.get(user_id, now_s, options.lambda_per_day)
        return self.of_profile(profile, self.excluded(options), options, now_s, deadline)

    def for_pins(
        self, actions: list[RecentAction], options: Options, deadline: Deadline
    ) -> tuple[Recommendation, int]:
        """Recommend from recent pins, and how many of them are unknown to the artefact, or blocked."""
        now_s = self.clock()
        with self.metrics.stage("profile"):
            recent, unknown_pins = self.profiles.from_recent(actions, now_s)
            profile = self.users.served(recent, options.lambda_per_day)
        return self.of_profile(profile, self.excluded(options), options, now_s, deadline), unknown_pins

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
        itself = self.pins.representatives[[row]]
        filters = self.filters((itself, self.excluded(options)), options, blocked)
        n = options.max_candidates
        filled = self.filling.by_turns([row], filters, (n,), n, deadline)
        return _answer(b"", filled), filled.retrieved[0].cache_hit

    def of_profile(
        self,
        profile: ServedProfile | None,
        excluded: NDArray[np.int32],
        options: Options,
        now_s: int,
        deadline: Deadline,
    ) -> Recommendation:
        """Recommend for a user as they were found; None for one that the store does not know.

        Args:
            profile: The user.
            excluded: What `excluded` makes of the options.
            options: What was asked for.
            now_s: Unix seconds UTC.
            deadline: Of the call.
        """
        if profile is None:
            return self.without_profile(pb.ANSWER_REASON_UNKNOWN_USER, excluded, options)
        all_excluded = (profile.seen, excluded)
        if not profile.records:
            reason = pb.ANSWER_REASON_NO_USABLE_INTERESTS
            answer = self._fall_back(reason, all_excluded, options, degraded=profile.degraded)
        elif options.merge_policy == pb.MERGE_POLICY_FUSED:
            answer = self._fused(profile, all_excluded, options, now_s, deadline)
        else:
            answer = self._interleaved(profile, all_excluded, options, now_s, deadline)
        self.metrics.count_answer(answer.reason, options.variant)
        for degradation in answer.degraded:
            self.metrics.count_degraded(degradation)
        return answer

    def without_profile(
        self, reason: "pb.AnswerReason.ValueType", excluded: NDArray[np.int32], options: Options
    ) -> Recommendation:
        """The fallback, for this reason."""
        self.metrics.count_answer(reason, options.variant)
        return self._fall_back(reason, (excluded,), options)

    def _interleaved(
        self, profile: ServedProfile, excluded: Excluded, options: Options, now_s: int, deadline: Deadline
    ) -> Recommendation:
        """From a few interests, sampled, each by its medoid."""
        with self.metrics.stage("sample"):
            sampled, rows = self.sampler.sample(profile.records, options.max_interests, options.seed)
        budgets = budgets_of(options.budget, options.max_candidates, sampled)
        filters = self.filters(excluded, options, profile.blocked)
        filled = self.filling.by_turns(rows, filters, budgets, options.max_candidates, deadline)
        described = describe_sampled(sampled, filled.retrieved, profile.decay(now_s))
        return _answer(described, filled, profile.degraded)

    def _fused(
        self, profile: ServedProfile, excluded: Excluded, options: Options, now_s: int, deadline: Deadline
    ) -> Recommendation:
        """From all interests of some importance, by all of their representatives together."""
        stood_for = profile.stood_for
        fusion = Fusion(
            stood_for=stood_for,
            embeddings=self.pins.embeddings,
            policy=self.profiles.batch.parameters.fusing,
        )
        themselves = self.pins.representatives[stood_for.rows]
        filters = self.filters((*excluded, themselves), options, profile.blocked)
        filled = self.filling.fused(fusion, filters, options.max_candidates, deadline)
        described = describe_fused(profile, filled.retrieved, now_s, self.pins)
        return _answer(described, filled, profile.degraded)

    def excluded(self, options: Options) -> NDArray[np.int32]:
        """int32 [x]: the caller's exclusions, by representative; those of unknown pins are left out.

        Pins are known by their hashes, as seen pins are: of two pins with one hash (one artefact in ten
        million has any, at a million pins) the first is excluded.
        """
        if not len(options.excluded):
            return _NOBODY
        return self.pins.representatives_of_hashes(options.excluded)

    def filters(self, excluded: Excluded, options: Options, blocked: BlockedRows) -> Filters:
        """What may not come back: excluded rows, and what the options leave out."""
        passing = None if options.where is None else self.filling.filtering.passing(options.where)
        # Positions, not names, which would take as long again: each call makes some such.
        return Filters(self.pins.representatives, excluded, options.min_score, blocked, passing)

    def _fall_back(
        self,
        reason: "pb.AnswerReason.ValueType",
        excluded: Excluded,
        options: Options,
        *,
        degraded: Degraded = (),
    ) -> Recommendation:
        if not self.popular:
            return Recommendation(reason=reason, degraded=degraded)
        self.metrics.count_fallback()
        # A popular pin has no cosine to anything: min_score does not apply.
        filters = self.filters(excluded, replace(options, min_score=None), self.blocked())
        n = options.max_candidates
        selection = merge((self.popular,), filters, budgets=(n,), max_candidates=n)
        self.metrics.count_blocked(filters.n_blocked([self.popular]))
        return Recommendation(
            interests=FALLBACK,
            lists=(self.popular,),
            selection=selection,
            reason=reason,
            degraded=degraded,
        )


def popular_list(pins: PinView, rows: NDArray[np.int64]) -> CandidateList:
    """The fallback's candidates, encoded once at start."""
    return encode_list(rows, pins.encoded_ids(rows), None, medoid_pin_id="", wanted=len(rows))


def _answer(interests: bytes, filled: Filled, degraded: Degraded = ()) -> Recommendation:
    for each in filled.lists:
        if each.lowered:
            degraded = (*degraded, pb.DEGRADATION_LOWER_EF_SEARCH)
            break
    reason = pb.ANSWER_REASON_UNSPECIFIED if len(filled.selection) else pb.ANSWER_REASON_ALL_FILTERED
    return Recommendation(interests, filled.lists, filled.selection, reason, degraded)
