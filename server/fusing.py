"""The fuse stage: every candidate of all lists is scored by all of the user's medoids together."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from model.fusing import FusePolicy, Spread, contributions, fuse, traced, union
from model.interests import Representatives
from model.sampling import probabilities
from pinnersage.v1 import recommender_pb2 as pb
from server.candidate_lists import CandidateList
from server.merging import Filters, Selection
from server.served_profiles import StoodFor
from storage.pins.port import Vectors
from storage.pins.scoring import float32_products_with


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fusion:
    """Who answers together, and how.

    Attributes:
        stood_for: q of them, heaviest first.
        embeddings: float16 [n_pins, d], of the artefact.
        policy: How lists become one.
    """

    stood_for: StoodFor
    embeddings: Vectors
    policy: FusePolicy

    def fuse(self, lists: Sequence[CandidateList], filters: Filters, *, max_candidates: int) -> Selection:
        """Select from the representatives' lists: the best by score, then the lists by turns.

        Every list was asked for SPREAD_OVER pins at least.

        A candidate that only some lists hold is scored by all representatives all the same: the cosines that
        no list knows are computed. It is taken from the list of the representative that adds most to it.
        """
        allowed = filters.allowed_in_each(lists)
        rows, places = union([each.rows[at] for each, at in zip(lists, allowed, strict=True)])
        cosines = float32_products_with(self.embeddings[self.stood_for.rows], self.embeddings, rows)
        spread = Spread.of(each.spread for each in lists if each.spread is not None)
        parts = contributions(cosines, self.stood_for.weights, spread)
        answer = fuse(places, parts.sum(axis=0), fused_share=self.policy.fused_share, n=max_candidates)
        came = traced(places, parts[:, answer], answer)
        return Selection.among(allowed, came)


def medoids_by_interest(representatives: Representatives) -> Mapping[int, Sequence[pb.Medoid]]:
    """The representatives as the wire has them, by the interest they stand for."""
    shares = probabilities(representatives.weights).tolist()
    medoids: dict[int, list[pb.Medoid]] = defaultdict(list)
    for at, interest in enumerate(representatives.interests.tolist()):
        medoids[interest].append(pb.Medoid(pin_id=representatives.pin_ids[at], share=shares[at]))
    return medoids
