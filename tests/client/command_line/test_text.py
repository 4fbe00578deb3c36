"""The answers as people read them."""

import pytest

from pinnersage.client import (
    AnswerReason,
    Candidate,
    Degradation,
    HealthStatus,
    InterestOrigin,
    Medoid,
    Pin,
    Recommendation,
    SampledInterest,
)
from pinnersage.client.command_line import main
from pinnersage.client.testing import FakeRecommender
from tests.client.command_line.conftest import Run


def test_recommend_shows_each_interest_and_its_candidates(run: Run) -> None:
    """Under the saved pin they were found near, with titles where there are any."""
    assert run("recommend", "ann") == (
        0,
        """\
ann: 4 candidates from 2 interests, artefact 000003-9f8a12cd

because you saved dog face (🐶): 50% of importance, batch+online
  0.875  🐩  poodle
  0.625  🐕‍🦺  service dog

because you saved white heart (85123A): 25% of importance, batch
  0.750  22423  cake stand
  0.500  47566
""",
        "",
    )


def test_a_fused_answer_is_shown_by_the_pins_that_stood_together(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One group a medoid that gave something; the first line says that they answered together."""
    interest = SampledInterest("a", 2.0, 1.0, InterestOrigin.BATCH, medoids=(Medoid("a", 0.75), Medoid("b")))
    answer = Recommendation(
        candidates=(Candidate("x", 0.5, "b"), Candidate("y", 0.25, "a")),
        interests=(interest,),
        artefact_version="000003",
    )
    with FakeRecommender(recommendations={"ann": answer}) as fake:
        main(["recommend", "ann", "--merge-policy", "fused", "--no-titles", "--server", fake.target])
    assert capsys.readouterr().out == (
        "ann: 2 candidates from 1 interest together, artefact 000003\n\n"
        "because you saved a: 100% of importance, batch\n  0.250  y\n\n"
        "because you saved b: 100% of importance, batch\n  0.500  x\n"
    )


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (AnswerReason.UNKNOWN_USER, "bob: the server knows nothing about this user\n"),
        (
            AnswerReason.NO_USABLE_INTERESTS,
            "bob: none of the user's interests can be used with the pins served now\n",
        ),
        (AnswerReason.ALL_FILTERED, "bob: exclusions, conditions and the lowest score left no candidate\n"),
    ],
)
def test_an_empty_answer_says_why(
    reason: AnswerReason, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is an answer, not an error."""
    answer = Recommendation(reason=reason, interests=(SampledInterest("m"),))
    with FakeRecommender(recommendations={"bob": answer}) as fake:
        assert main(["recommend", "bob", "--server", fake.target]) == 0
    assert capsys.readouterr().out == sentence


def test_a_fallback_says_that_it_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    """Popular pins have no score and no saved pin behind them."""
    answer = Recommendation(
        candidates=(Candidate("🐶"), Candidate("b")),
        interests=(SampledInterest(None, probability=1.0, origin=InterestOrigin.FALLBACK),),
        reason=AnswerReason.UNKNOWN_USER,
    )
    with FakeRecommender(recommendations={"bob": answer}, pins=[Pin("b", "bee")]) as fake:
        assert main(["recommend", "bob", "--server", fake.target]) == 0
    assert capsys.readouterr().out == (
        "bob: the server knows nothing about this user; 2 popular pins instead\n\n"
        "popular with everyone:\n  🐶\n  b   bee\n"
    )


def test_a_degraded_answer_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """And an interest whose candidates are all gone is still named."""
    answer = Recommendation(
        candidates=(Candidate("a", 0.5, "m"),),
        interests=(SampledInterest("m"), SampledInterest("n")),
        degraded=(Degradation.STALE_PROFILE, Degradation.LOWER_EF_SEARCH),
    )
    with FakeRecommender(recommendations={"bob": answer}) as fake:
        main(["recommend", "bob", "--server", fake.target])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "degraded: stale profile, lower ef search"
    assert lines[-2:] == [
        "because you saved n: 0% of importance, unspecified",
        "  no candidate is left",
    ]


def test_an_interest_whose_candidates_were_not_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Fewer were asked for than there are interests: nothing is wrong with the one that comes last."""
    answer = Recommendation(
        candidates=(Candidate("a", 0.5, "m"),), interests=(SampledInterest("m"), SampledInterest("n"))
    )
    with FakeRecommender(recommendations={"bob": answer}) as fake:
        main(["recommend", "bob", "--max-candidates", "1", "--server", fake.target])
    assert capsys.readouterr().out.splitlines()[-1] == (
        "  none of the 1 candidate asked for; more: --max-candidates"
    )


def test_similar(run: Run) -> None:
    """Nearest first."""
    status, shown, _ = run("similar", "🐶")
    assert status == 0
    assert shown.splitlines()[2:] == ["  0.875  🐩  poodle", "  0.625  🐕‍🦺  service dog"]


def test_profile(run: Run) -> None:
    """Interests first, then what they were computed from; what is unknown is left out."""
    assert run("profile", "ann") == (
        0,
        """\
ann: 2 interests

    share  importance  pins  last action  origin        pin   title
      50%           4    12  2013-08-07   batch+online  🐶    dog face
  skipped         0.5     1               unspecified   gone

  seen pins        1,217
  computed at      2013-08-07 12:00 UTC
  embedding space  emoji/1
""",
        "",
    )


@pytest.mark.parametrize(
    ("health", "status", "word"),
    [(HealthStatus.SERVING, 0, "serving"), (HealthStatus.NOT_SERVING, 3, "not serving")],
)
def test_health(run: Run, fake: FakeRecommender, health: HealthStatus, status: int, word: str) -> None:
    """Its exit status is fit for a probe."""
    fake.be(health)
    assert run("health") == (status, f"{fake.target}: {word}\n", "")


def test_titles_cannot_speak_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences and line breaks in a title stay a title."""
    answer = Recommendation(candidates=(Candidate("a", 0.5, "m"),))
    with FakeRecommender(recommendations={"ann": answer}, pins=[Pin("a", "x\x1b[2J\ny")]) as fake:
        main(["recommend", "ann", "--server", fake.target])
    assert capsys.readouterr().out.endswith("\n  0.500  a  x [2J y\n")
