"""Answers that are looked at again: a share of them, chosen by chance, after they were given."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pinnersage.v1 import recommender_pb2 as pb
from server.background import Background
from server.recommending import Recommender
from server.validation import Options

AnswerMessage = pb.RecommendResponse | pb.RecommendForPinsResponse


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observed:
    """One answer as it was sent.

    Attributes:
        recommender: What it was made by.
        method: The method's name.
        time_s: When it was made, Unix seconds.
        user_id: Whom it is for; empty where pins stood for a user.
        options: What was asked for.
        sent: Its bytes.
    """

    recommender: Recommender
    method: str
    time_s: float
    user_id: str
    options: Options
    sent: bytes

    def answer(self) -> AnswerMessage:
        """The message, read from its bytes: whatever way they were joined, this is what the caller got."""
        if self.method == "RecommendForPins":
            return pb.RecommendForPinsResponse.FromString(self.sent)
        return pb.RecommendResponse.FromString(self.sent)

    def medoids(self) -> list[str]:
        """The pins whose lists it was made from, each once; none for a fallback."""
        pin_ids = [
            pin_id
            for interest in self.answer().interests
            for pin_id in ([each.pin_id for each in interest.medoids] or [interest.medoid_pin_id])
        ]
        return [pin_id for pin_id in dict.fromkeys(pin_ids) if pin_id]


@dataclass(frozen=True, slots=True)
class Observation:
    """Who looks at a share of the answers.

    Attributes:
        share: 0 to 1.
        background: Where they are looked at.
    """

    share: float
    background: Background[Observed]


class Observer:
    """Hands answers on; costs a call that is not chosen a fraction of a microsecond.

    Args:
        observations: Who looks.
        clock: Unix seconds.
    """

    def __init__(
        self, observations: Sequence[Observation] = (), *, clock: Callable[[], float] = time.time
    ) -> None:
        self._observations = [each for each in observations if each.share]
        self._largest = max((each.share for each in observations), default=0.0)
        self._clock = clock

    def saw(
        self, recommender: Recommender, method: str, user_id: str, options: Options, *pieces: bytes
    ) -> None:
        """See an answer that is about to be sent, whole or in the pieces that it will be joined from."""
        if not self._largest or (chance := random.random()) >= self._largest:  # noqa: S311 - no secret
            return
        observed = Observed(
            recommender=recommender,
            method=method,
            time_s=self._clock(),
            user_id=user_id,
            options=options,
            sent=b"".join(pieces),
        )
        for each in self._observations:
            if chance < each.share:
                each.background.offer(observed)


NOBODY_LOOKS = Observer()
