"""What the service answers, as plain values: frozen, hashable, of built-in types, tuples and enums.

Times are aware, in UTC. What the server leaves out is None. Every field of an answer has a default, so that
a test writes down only what it is about.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pinnersage.client._enums import AnswerReason, Degradation, InterestOrigin, MergePolicy


@dataclass(frozen=True, slots=True)
class Medoid:
    """One of the pins that stand for an interest with FUSED.

    Attributes:
        pin_id: The pin the user acted on.
        share: What it spreads over the pins near it; those of all of the user's medoids add up to 1.
    """

    pin_id: str
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pin to recommend, and why.

    Attributes:
        pin_id: The pin.
        score: Its cosine to the medoid, -1 to 1; None for a fallback.
        medoid_pin_id: The pin the user acted on that it was found near; None for a fallback.
    """

    pin_id: str
    score: float | None = None
    medoid_pin_id: str | None = None


@dataclass(frozen=True, slots=True)
class SampledInterest:
    """An interest that an answer was made from; only INTERLEAVED samples.

    Attributes:
        medoid_pin_id: The pin that stands for the interest; None for a fallback.
        importance: The sum over its actions of weight x exp(-lambda x age in days), now.
        probability: Its share in the user's importance: its chance to be drawn first.
        origin: Where it comes from.
        cache_hit: Its candidates came from the server's cache.
        medoids: With FUSED, the pins that stood for it, heaviest first; empty otherwise.
    """

    medoid_pin_id: str | None
    importance: float = 0.0
    probability: float = 0.0
    origin: InterestOrigin = InterestOrigin.UNSPECIFIED
    cache_hit: bool = False
    medoids: tuple[Medoid, ...] = ()


@dataclass(frozen=True, slots=True)
class CandidateGroup:
    """The candidates found near one medoid.

    Attributes:
        medoid_pin_id: The pin the user acted on; None for fallback candidates.
        interest: The interest it stands for; None where the server named none.
        candidates: Best first; empty when exclusions and `min_score` left none.
    """

    medoid_pin_id: str | None
    interest: SampledInterest | None
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """Candidates for one user.

    Attributes:
        candidates: Best first, as the merge policy has it.
        interests: What the answer was made from, in order of importance.
        artefact_version: The version of the pins that every part of the answer comes from.
        request_id: What to look for in the server's logs, and what events are joined to the answer by.
        reason: Why the answer is empty or a fallback.
        degraded: What was given up to answer at all; empty for a full answer.
        unknown_pins: How many pins of the request are unknown or blocked (`recommend_for_pins` only).
        merge_policy: How the interests' lists became this answer.
        variant: The server's named set of parameters that was used; None for none.
    """

    candidates: tuple[Candidate, ...] = ()
    interests: tuple[SampledInterest, ...] = ()
    artefact_version: str = ""
    request_id: str = ""
    reason: AnswerReason = AnswerReason.ORDINARY
    degraded: tuple[Degradation, ...] = ()
    unknown_pins: int = 0
    merge_policy: MergePolicy = MergePolicy.UNSPECIFIED
    variant: str | None = None

    def by_medoid(self) -> tuple[CandidateGroup, ...]:
        """The candidates grouped for "because you saved ...": one group an interest, in order of importance.

        With FUSED, one group for each medoid of the interest that has candidates. Candidates near no interest
        of the answer (a fallback) come in groups of their own, at the end.
        """
        near: dict[str | None, list[Candidate]] = defaultdict(list)
        for candidate in self.candidates:
            near[candidate.medoid_pin_id].append(candidate)
        groups = [
            CandidateGroup(medoid, interest, tuple(near.pop(medoid, ())))
            for interest in self.interests
            for medoid in _medoids(interest, near)
        ]
        rest = [CandidateGroup(medoid, None, tuple(candidates)) for medoid, candidates in near.items()]
        return tuple(groups + rest)


def _medoids(interest: SampledInterest, near: Mapping[str | None, object]) -> list[str | None]:
    """The pins that an interest's groups are named by."""
    if not interest.medoids:
        return [interest.medoid_pin_id]
    return [medoid.pin_id for medoid in interest.medoids if medoid.pin_id in near]


@dataclass(frozen=True, slots=True)
class UserRecommendation:
    """One user's part of a batch."""

    user_id: str
    recommendation: Recommendation


@dataclass(frozen=True, slots=True)
class RecentPin:
    """A pin that a visitor acted on.

    Attributes:
        pin_id: The pin.
        action_time: When; aware. None means now.
    """

    pin_id: str
    action_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class SimilarPin:
    """A pin near another, and its cosine to it, -1 to 1."""

    pin_id: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarPins:
    """The neighbours of one pin.

    Attributes:
        pins: Nearest first, without the pin itself and its near-duplicates.
        cache_hit: They came from the server's cache.
        artefact_version: The version of the pins they come from.
        request_id: What to look for in the server's log.
        degraded: What was given up to answer in time; empty for a full answer.
    """

    pins: tuple[SimilarPin, ...] = ()
    cache_hit: bool = False
    artefact_version: str = ""
    request_id: str = ""
    degraded: tuple[Degradation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """One of a user's interests: a cluster of pins they acted on.

    Attributes:
        medoid_pin_id: The pin that stands for the cluster.
        title: Its title, if the server has one.
        importance: The sum over its actions of weight x exp(-lambda x age in days), now.
        probability: Its share in the user's usable importance; 0 for an interest that is skipped.
        size: Distinct pins in the cluster.
        last_action_time: The newest action; None if unknown.
        origin: Where the interest comes from.
        in_artefact: False when the pins served now lack the medoid: the interest is skipped.
        blocked: The medoid is taken down and no other pin stands for the interest: it is skipped.
        medoids: The pins that stand for it with FUSED, heaviest first; none for an unimportant interest.
    """

    medoid_pin_id: str
    title: str | None = None
    importance: float = 0.0
    probability: float = 0.0
    size: int = 0
    last_action_time: datetime | None = None
    origin: InterestOrigin = InterestOrigin.UNSPECIFIED
    in_artefact: bool = True
    medoids: tuple[Medoid, ...] = ()
    blocked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Everything the server holds about a user's interests.

    Attributes:
        user_id: The user.
        interests: Most important first.
        embedding_space: The space the interests were computed in.
        parameters_version: The version of the model's parameters they were computed with.
        computed_at: The time the batch profile was computed for; None without one.
        actions_until: The watermark: the batch profile counts actions up to here, the online one later ones.
        profiles_version: The published version of the batch profiles.
        seen_pins: How many pins are never recommended because the user acted on them.
        artefact_version: The version of the pins the interests were looked up in.
        request_id: What to look for in the server's log.
        degraded: What was given up to answer at all.
    """

    user_id: str
    interests: tuple[Interest, ...] = ()
    embedding_space: str = ""
    parameters_version: str = ""
    computed_at: datetime | None = None
    actions_until: datetime | None = None
    profiles_version: str = ""
    seen_pins: int = 0
    artefact_version: str = ""
    request_id: str = ""
    degraded: tuple[Degradation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAction:
    """An action that the event stream keeps.

    Attributes:
        action_time: When it is taken to have happened, to the second.
        event_id: What it is known by: recorded again under the same, it is one action.
        request_id: What to look for in the server's log.
    """

    action_time: datetime
    event_id: str
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Pin:
    """What the server knows of a pin.

    Attributes:
        pin_id: The pin.
        title: Its title, if the server has one.
        representative_pin_id: The indexed pin that stands for it: itself, or the one it is a near-duplicate
            of; None when none does.
        indexed: It can be a candidate itself.
        blocked: It is taken down: it is shown to nobody, and nothing else is told of it.
    """

    pin_id: str
    title: str | None = None
    representative_pin_id: str | None = None
    indexed: bool = False
    blocked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """What the server knows of the pins asked for.

    Attributes:
        pins: The known ones, in the order asked.
        unknown_pin_ids: The others.
        artefact_version: The version of the pins that was looked up.
        request_id: What to look for in the server's log.
    """

    pins: tuple[Pin, ...] = ()
    unknown_pin_ids: tuple[str, ...] = ()
    artefact_version: str = ""
    request_id: str = ""
