"""From wire requests to valid values: every broken rule is found before any work begins."""

import reprlib
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pinnersage.v1 import recommender_pb2 as pb
from server.filter_validation import Kinds, read_filter
from server.findings import Findings
from server.limits import LIMITS
from server.settings import MergePolicy
from server.variants import NO_VARIANT, NO_VARIANTS, Budget, Variant, Variants
from storage.events.records import Event
from storage.hashes import hash_ids
from storage.pins.filters import Filter

_NOBODY = np.empty(0, np.uint64)


# Not frozen, as all that each call makes anew: that would take four times as long.
@dataclass(slots=True, eq=False)
class Options:
    """What an answer should look like, defaults filled in.

    Attributes:
        excluded: uint64 [x]: the hashes of pins that must not come back, nor their near-duplicates.
        seed: For a repeatable sample; None for a fresh one.
        max_candidates: At most so many candidates.
        max_interests: How many interests are sampled.
        min_score: Least cosine of a candidate; None for no bound.
        merge_policy: How lists become one answer: never UNSPECIFIED.
        where: Which pins may be candidates; None for all.
        variant: The name of the variant that some of these come from; empty for none.
        budget: How an interleaved answer is divided among its interests.
        lambda_per_day: Decay of importance, in place of the model's; None for the model's.
    """

    excluded: NDArray[np.uint64] = field(default_factory=lambda: _NOBODY)
    seed: int | None = None
    max_candidates: int = LIMITS.default_candidates
    max_interests: int = LIMITS.default_interests
    min_score: float | None = None
    merge_policy: "pb.MergePolicy.ValueType" = pb.MERGE_POLICY_INTERLEAVED
    where: Filter | None = None
    variant: str = ""
    budget: Budget = Budget.EQUAL
    lambda_per_day: float | None = None


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where a request says nothing.

    Attributes:
        merge_policy: Of requests and variants that name none: never UNSPECIFIED.
        variants: What users are divided among.
    """

    merge_policy: "pb.MergePolicy.ValueType" = pb.MERGE_POLICY_INTERLEAVED
    variants: Variants = NO_VARIANTS


@dataclass(frozen=True, slots=True)
class RecentAction:
    """A pin of RecommendForPins and when it was acted on (Unix seconds UTC), None for now."""

    pin_id: str
    time_s: int | None


def wire_policy(policy: MergePolicy) -> "pb.MergePolicy.ValueType":
    """A setting as the wire has it."""
    return pb.MergePolicy.Value(f"MERGE_POLICY_{policy.name}")


_WithOptions = pb.RecommendRequest | pb.RecommendForPinsRequest | pb.RecommendBatchRequest
_POLICIES = frozenset(pb.MergePolicy.values())


def validate_recommend(request: pb.RecommendRequest, defaults: Defaults, kinds: Kinds) -> tuple[str, Options]:
    """The user and the options of Recommend.

    Args:
        request: As it came.
        defaults: What holds where it says nothing.
        kinds: The filter columns of the artefact.

    Raises:
        InvalidRequestError: With every violation.
    """
    findings = Findings()
    findings.check_id("user_id", request.user_id)
    options, variant = _options(request, defaults, kinds, findings)
    findings.raise_if_any()
    variant = defaults.variants.of_user(request.user_id) if variant is None else variant
    return request.user_id, _under(variant, options, request)


def validate_recommend_for_pins(
    request: pb.RecommendForPinsRequest, defaults: Defaults, kinds: Kinds
) -> tuple[list[RecentAction], Options]:
    """The recent pins and the options of RecommendForPins."""
    findings = Findings()
    findings.check_count("pins", len(request.pins), at_least=1, at_most=LIMITS.recent_pins)
    for at, pin in enumerate(request.pins[: LIMITS.recent_pins + 1]):
        findings.check_id(f"pins[{at}].pin_id", pin.pin_id)
        findings.check_time(f"pins[{at}].action_time", pin.action_time.seconds)
    options, variant = _options(request, defaults, kinds, findings)
    findings.raise_if_any()
    return [
        RecentAction(pin.pin_id, pin.action_time.seconds if pin.HasField("action_time") else None)
        for pin in request.pins
    ], _under(variant or NO_VARIANT, options, request)


def validate_recommend_batch(
    request: pb.RecommendBatchRequest, defaults: Defaults, kinds: Kinds
) -> list[tuple[str, Options]]:
    """The users of RecommendBatch, and the options of each."""
    findings = Findings()
    user_ids = list(request.user_ids)
    findings.check_ids("user_ids", user_ids, at_least=1, at_most=LIMITS.batch_users)
    options, variant = _options(request, defaults, kinds, findings)
    findings.raise_if_any()
    variant = defaults.variants.of_everybody if variant is None else variant
    if variant is not None:
        options = _under(variant, options, request)
        return [(user_id, options) for user_id in user_ids]
    # Those of one variant share theirs.
    under = cache(lambda each: _under(each, options, request))
    return [(user_id, under(defaults.variants.of_user(user_id))) for user_id in user_ids]


def validate_similar_pins(request: pb.SimilarPinsRequest, kinds: Kinds) -> tuple[str, Options]:
    """The pin and the options of SimilarPins."""
    findings = Findings()
    findings.check_id("pin_id", request.pin_id)
    findings.check_ids("exclude_pin_ids", request.exclude_pin_ids, at_least=0, at_most=LIMITS.exclude_pin_ids)
    max_candidates = _max_candidates(request, findings)
    min_score = _min_score(request, findings)
    where = _where(request, kinds, findings)
    findings.raise_if_any()
    return request.pin_id, Options(
        max_candidates=max_candidates,
        max_interests=1,
        excluded=hash_ids(request.exclude_pin_ids),
        min_score=min_score,
        where=where,
    )


def validate_get_profile(request: pb.GetProfileRequest) -> str:
    """The user of GetProfile."""
    findings = Findings()
    findings.check_id("user_id", request.user_id)
    findings.raise_if_any()
    return request.user_id


def validate_record_action(request: pb.RecordActionRequest, now_s: int) -> Event:
    """The action of RecordAction.

    Args:
        request: As it came.
        now_s: Unix seconds UTC.
    """
    findings = Findings()
    for name in ("user_id", "pin_id", "action"):
        findings.check_id(name, getattr(request, name))
    if request.HasField("event_id"):
        findings.check_id("event_id", request.event_id)
    time_s = request.action_time.seconds if request.HasField("action_time") else now_s
    if not 0 <= time_s <= now_s + LIMITS.action_ahead_s:
        findings.add(
            "action_time",
            f"is {time_s} seconds from 1970; an action's time lies between then and an hour from now",
        )
    findings.raise_if_any()
    event_id = request.event_id if request.HasField("event_id") else None
    return Event(request.user_id, request.pin_id, time_s, request.action, event_id)


def validate_get_pins(request: pb.GetPinsRequest) -> list[str]:
    """The pins of GetPins."""
    findings = Findings()
    findings.check_ids("pin_ids", request.pin_ids, at_least=1, at_most=LIMITS.described_pins)
    findings.raise_if_any()
    return list(request.pin_ids)


def _options(
    request: _WithOptions, defaults: Defaults, kinds: Kinds, findings: Findings
) -> tuple[Options, Variant | None]:
    """What the request says, and the variant that it names; None where it names none."""
    # Once: each look into the message makes every text anew.
    pin_ids = tuple(request.exclude_pin_ids)
    findings.check_ids("exclude_pin_ids", pin_ids, at_least=0, at_most=LIMITS.exclude_pin_ids)
    merge_policy = _merge_policy(request, defaults.merge_policy, findings)
    max_interests = _max_interests(request, merge_policy, findings)
    options = Options(
        max_candidates=_max_candidates(request, findings),
        max_interests=max_interests,
        excluded=hash_ids(pin_ids),
        seed=request.seed if request.HasField("seed") else None,
        min_score=_min_score(request, findings),
        merge_policy=merge_policy,
        where=_where(request, kinds, findings),
    )
    return options, _named_variant(request, defaults.variants, findings)


def _named_variant(request: _WithOptions, variants: Variants, findings: Findings) -> Variant | None:
    if not request.HasField("variant"):
        return None
    named = variants.named(request.variant)
    if named is None:
        known = f"known are {', '.join(variants.names)}" if variants.names else "this server has none"
        findings.add("variant", f"is {reprlib.repr(request.variant)}; {known} (leave it out for the default)")
    return named


def _under(variant: Variant, options: Options, request: _WithOptions) -> Options:
    """The options with the variant's parameters where the request itself says nothing."""
    if variant is NO_VARIANT:
        return options
    own: dict[str, Any] = {}
    if variant.max_interests is not None and not request.HasField("max_interests"):
        own["max_interests"] = variant.max_interests
    if variant.min_score is not None and not request.HasField("min_score"):
        own["min_score"] = variant.min_score
    if variant.merge_policy is not None and not request.merge_policy:
        own["merge_policy"] = wire_policy(variant.merge_policy)
    return replace(
        options, variant=variant.name, budget=variant.budget, lambda_per_day=variant.lambda_per_day, **own
    )


def _merge_policy(
    request: _WithOptions, default: "pb.MergePolicy.ValueType", findings: Findings
) -> "pb.MergePolicy.ValueType":
    if request.merge_policy not in _POLICIES:
        findings.add(
            "merge_policy", f"is {request.merge_policy}; known are {', '.join(pb.MergePolicy.keys())}"
        )
    return request.merge_policy or default


def _max_interests(
    request: _WithOptions, merge_policy: "pb.MergePolicy.ValueType", findings: Findings
) -> int:
    if not request.HasField("max_interests"):
        return LIMITS.default_interests
    findings.check_range("max_interests", request.max_interests, at_most=LIMITS.max_interests)
    if merge_policy == pb.MERGE_POLICY_FUSED:
        findings.add(
            "max_interests",
            "goes with MERGE_POLICY_INTERLEAVED: with MERGE_POLICY_FUSED nothing is sampled. Leave it out, "
            "or set merge_policy to MERGE_POLICY_INTERLEAVED",
        )
    return request.max_interests


def _where(request: _WithOptions | pb.SimilarPinsRequest, kinds: Kinds, findings: Findings) -> Filter | None:
    return read_filter(request.filter, kinds, findings.add) if request.HasField("filter") else None


def _max_candidates(request: _WithOptions | pb.SimilarPinsRequest, findings: Findings) -> int:
    if not request.HasField("max_candidates"):
        return LIMITS.default_candidates
    findings.check_range("max_candidates", request.max_candidates, at_most=LIMITS.max_candidates)
    return request.max_candidates


def _min_score(request: _WithOptions | pb.SimilarPinsRequest, findings: Findings) -> float | None:
    if not request.HasField("min_score"):
        return None
    findings.check_score("min_score", request.min_score)
    return request.min_score
