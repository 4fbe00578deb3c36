"""The command `pinnersage`, as a person and as a script meets it."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event

import grpc
import pytest

from pinnersage.client import (
    AnswerReason,
    Candidate,
    Degradation,
    HealthStatus,
    InterestOrigin,
    Pin,
    Recommendation,
    SampledInterest,
)
from pinnersage.client.command_line import documents, main
from pinnersage.client.testing import FakeRecommender
from pinnersage.v1 import recommender_pb2 as pb
from tests.client.conftest import ANN, DOGS_AND_HEARTS
from tests.client.servers import nobody, serving

Run = Callable[..., tuple[int, str, str]]

PINNERSAGE = str(Path(sys.executable).with_name("pinnersage"))


@pytest.fixture
def run(fake: FakeRecommender, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command against the fake server: its exit status, stdout and stderr."""
    monkeypatch.setenv("PINNERSAGE_SERVER", fake.target)

    def run_main(*arguments: str) -> tuple[int, str, str]:
        try:
            status = main(arguments)
        except SystemExit as exit_:
            status = int(str(exit_.code))
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return run_main


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


def test_recommend_passes_its_options_on(run: Run, fake: FakeRecommender) -> None:
    """All of them; ids that look like options come after an equals sign."""
    options = "--max-candidates 7 --max-interests 2 --seed 0 --min-score 0.5 --exclude a b --exclude=-c"
    assert run("recommend", "ann", *options.split(), "--no-titles")[0] == 0
    (call,) = fake.calls
    assert call.arguments == {
        "user_id": "ann",
        "max_candidates": 7,
        "max_interests": 2,
        "seed": 0,
        "min_score": 0.5,
        "exclude_pin_ids": ("a", "b", "-c"),
    }


def test_without_options_a_screenful_is_asked_for(run: Run, fake: FakeRecommender) -> None:
    """What is not given is left to the server, but for the number of candidates."""
    run("recommend", "ann", "--no-titles")
    assert fake.calls[0].arguments == {"user_id": "ann", "max_candidates": 30}


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (AnswerReason.UNKNOWN_USER, "bob: the server knows nothing about this user\n"),
        (
            AnswerReason.NO_USABLE_INTERESTS,
            "bob: none of the user's interests can be used with the pins served now\n",
        ),
        (AnswerReason.ALL_FILTERED, "bob: exclusions and the lowest score left no candidate\n"),
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
      50%        4.00    12  2013-08-07   batch+online  🐶    dog face
  skipped        0.50     1               unspecified   gone

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


def test_json_of_recommend(run: Run) -> None:
    """One document, in the server's order; scores as the server meant them; no title is null."""
    document = json.loads(run("recommend", "ann", "--json")[1])
    assert list(document) == [
        "user_id",
        "reason",
        "degraded",
        "interests",
        "candidates",
        "artefact_version",
        "request_id",
    ]
    assert document["interests"][0] == {
        "medoid_pin_id": "🐶",
        "title": "dog face",
        "importance": 4.0,
        "probability": 0.5,
        "origin": "batch_and_online",
        "cache_hit": True,
    }
    assert [candidate["pin_id"] for candidate in document["candidates"]] == ["🐩", "22423", "🐕‍🦺", "47566"]
    assert document["candidates"][3] == {
        "pin_id": "47566",
        "title": None,
        "score": 0.5,
        "medoid_pin_id": "85123A",
    }


def test_json_keys_never_come_and_go(run: Run) -> None:
    """An empty answer has the keys of a full one."""
    full, empty = (json.loads(run("recommend", user, "--json")[1]) for user in ("ann", "nobody"))
    assert list(full) == list(empty)
    assert (empty["reason"], empty["candidates"]) == ("unknown_user", [])


def test_json_of_the_other_commands(run: Run, fake: FakeRecommender) -> None:
    """Times in ISO 8601, UTC; what is unknown is null."""
    similar = json.loads(run("similar", "🐶", "--json")[1])
    assert similar["pins"][0] == {"pin_id": "🐩", "title": "poodle", "score": 0.875}
    profile = json.loads(run("profile", "ann", "--json")[1])
    assert (profile["computed_at"], profile["actions_until"]) == ("2013-08-07T12:00:00Z", None)
    assert profile["interests"][1]["in_artefact"] is False
    assert json.loads(run("health", "--json")[1]) == {"server": fake.target, "status": "serving"}


def one_candidate(_: pb.RecommendRequest, __: grpc.ServicerContext) -> pb.RecommendResponse:
    return pb.RecommendResponse(candidates=[pb.Candidate(pin_id="a", score=0.5, medoid_pin_id="m")])


def test_a_server_without_titles_is_no_trouble(capsys: pytest.CaptureFixture[str]) -> None:
    """An older server does not know GetPins: the answer stands, nothing is said."""
    with serving(recommend=one_candidate) as target:
        assert main(["recommend", "ann", "--server", target]) == 0
    shown = capsys.readouterr()
    assert shown.out.endswith("because you saved m\n  0.500  a\n")
    assert shown.err == ""


def test_titles_that_fail_do_not_lose_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """It is printed without them, and stderr says so."""

    def get_pins(_: pb.GetPinsRequest, context: grpc.ServicerContext) -> pb.GetPinsResponse:
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too much to do")

    with serving(recommend=one_candidate, get_pins=get_pins) as target:
        assert main(["recommend", "ann", "--server", target]) == 0
    shown = capsys.readouterr()
    assert shown.out.endswith("because you saved m\n  0.500  a\n")
    assert shown.err == "pinnersage: titles are missing: too much to do\n"


def test_titles_of_more_pins_than_one_call_takes(capsys: pytest.CaptureFixture[str]) -> None:
    """1,000 candidates and their medoid are 1,001 pins."""
    pins = [f"p{n}" for n in range(1_000)]
    answer = Recommendation(candidates=tuple(Candidate(pin, 0.5, "m") for pin in pins))
    titles = [Pin(pin, f"title of {pin}") for pin in [*pins, "m"]]
    with FakeRecommender(recommendations={"ann": answer}, pins=titles) as fake:
        main(["recommend", "ann", "--max-candidates", "1000", "--server", fake.target])
        asked = [call.arguments["pin_ids"] for call in fake.calls[1:]]
    assert sum(len(ids) for ids in asked if isinstance(ids, tuple)) == 1_001
    assert len(asked) == 2
    assert capsys.readouterr().out.count("title of p") == 1_000


def test_titles_cannot_speak_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences and line breaks in a title stay a title."""
    answer = Recommendation(candidates=(Candidate("a", 0.5, "m"),))
    with FakeRecommender(recommendations={"ann": answer}, pins=[Pin("a", "x\x1b[2J\ny")]) as fake:
        main(["recommend", "ann", "--server", fake.target])
    assert capsys.readouterr().out.endswith("\n  0.500  a  x [2J y\n")


def test_the_servers_refusal_is_one_sentence(run: Run, fake: FakeRecommender) -> None:
    """In the server's words, with the request to look for in its log; exit status 1."""
    fake.fail(grpc.StatusCode.INVALID_ARGUMENT, "max_candidates: 5000 is more than 1,000")
    sentence = "pinnersage: max_candidates: 5000 is more than 1,000"
    context = f" (INVALID_ARGUMENT from {fake.target}, request fake-1)\n"
    assert run("recommend", "ann", "--max-candidates", "5000") == (1, "", sentence + context)
    status, shown, error = run("profile", "bob")
    assert (status, shown) == (1, "")
    assert error.startswith("pinnersage: user_id: there is no user 'bob' (NOT_FOUND from ")


def test_a_server_that_cannot_serve_now(run: Run, fake: FakeRecommender) -> None:
    """It is there, and says why not: its words, and exit status 3."""
    fake.fail(grpc.StatusCode.UNAVAILABLE, "the profile store does not answer", times=3)
    status, _, error = run("profile", "ann")
    assert status == 3
    assert error.startswith("pinnersage: the profile store does not answer (UNAVAILABLE from ")


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence says where it looked, why in vain, and what to do; exit status 3."""
    with nobody() as target:
        assert main(["health", "--server", target]) == 3
    assert capsys.readouterr().err == (
        f"pinnersage: no PinnerSage server answers at {target} (Connection refused);"
        " start it, or name another with --server HOST:PORT or $PINNERSAGE_SERVER\n"
    )


def test_a_server_that_takes_too_long(capsys: pytest.CaptureFixture[str]) -> None:
    """The way out is in the sentence; exit status 3."""
    go_on = Event()

    def slow(_: pb.RecommendRequest, __: grpc.ServicerContext) -> pb.RecommendResponse:
        go_on.wait(30)
        return pb.RecommendResponse()

    with serving(recommend=slow) as target:
        assert main(["recommend", "ann", "--timeout", "0.05", "--server", target]) == 3
        go_on.set()
    assert capsys.readouterr().err == (
        f"pinnersage: {target} gave no answer in 0.05 s; allow it more with --timeout SECONDS\n"
    )


def test_another_service_at_that_address(capsys: pytest.CaptureFixture[str]) -> None:
    """A gRPC server that is no PinnerSage."""
    with serving() as target:
        assert main(["recommend", "ann", "--server", target]) == 1
    assert capsys.readouterr().err == (
        f"pinnersage: {target} does not know Recommend: an older PinnerSage, or another service\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "the following arguments are required: COMMAND"),
        ("recommend", "the following arguments are required: USER"),
        ("recomend ann", "invalid choice: 'recomend'"),
        ("recommend ann --max-candidates many", "--max-candidates: invalid int value: 'many'"),
        ("recommend ann --max-candidates=-1", "max_candidates cannot be -1"),
        ("health --timeout 0", "--timeout: 0 is not 0.001 to 3600 seconds"),
        ("health --server localhost", "'localhost' is not a server's address: write HOST:PORT"),
    ],
)
def test_wrong_usage(run: Run, fake: FakeRecommender, arguments: str, message: str) -> None:
    """Exit status 2, the reason on stderr, nothing on stdout, nothing sent."""
    status, shown, error = run(*arguments.split())
    assert (status, shown) == (2, "")
    assert message in error
    assert fake.calls == ()


def test_the_flag_goes_before_the_variable(
    run: Run, monkeypatch: pytest.MonkeyPatch, fake: FakeRecommender
) -> None:
    """And an empty variable is none."""
    monkeypatch.setenv("PINNERSAGE_SERVER", "nobody:1")
    assert run("health", "--server", fake.target)[0] == 0
    monkeypatch.setenv("PINNERSAGE_SERVER", "")
    assert "127.0.0.1:50051" in run("health", "--help")[1]


@pytest.mark.parametrize("command", ["recommend", "similar", "profile", "health"])
def test_every_help_explains_the_exit_statuses(run: Run, command: str) -> None:
    """Where scripts' authors look."""
    status, shown, _ = run(command, "--help")
    assert status == 0
    assert "$PINNERSAGE_SERVER" in shown
    for line in ("0  done", "1  the server refused", "2  wrong usage", "3  no server answers there"):
        assert line in shown


def start(*arguments: str, **environment: str) -> "subprocess.Popen[str]":
    """The installed command, as a process of its own."""
    return subprocess.Popen(
        [PINNERSAGE, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=os.environ | environment,
    )


def test_a_reader_who_has_had_enough() -> None:
    """`pinnersage recommend ann | head -1`: no complaint, the status of a closed pipe."""
    pins = [f"{n:0120d}" for n in range(1_000)]
    answer = Recommendation(candidates=tuple(Candidate(pin, 0.5, "m") for pin in pins))
    with FakeRecommender(recommendations={"ann": answer}) as fake:
        process = start("recommend", "ann", "--max-candidates", "1000", "--server", fake.target)
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("ann: 1,000 candidates")
        process.stdout.close()
        assert process.wait(30) == 141
        assert process.stderr.read() == ""
        process.stderr.close()


def test_a_person_who_has_had_enough() -> None:
    """Ctrl-C while the server thinks: no traceback, the status of an interrupt."""
    arrived, go_on = Event(), Event()

    def slow(_: pb.RecommendRequest, __: grpc.ServicerContext) -> pb.RecommendResponse:
        arrived.set()
        go_on.wait(30)
        return pb.RecommendResponse()

    with serving(recommend=slow) as target:
        process = start("recommend", "ann", "--timeout", "60", "--server", target)
        assert arrived.wait(30)
        process.send_signal(signal.SIGINT)
        shown, error = process.communicate(timeout=30)
        go_on.set()
    assert (process.returncode, shown, error) == (130, "", "")


@pytest.mark.parametrize(("option", "shown"), [((), "  0.875  ?"), (("--json",), "\\ud83d\\udc29")])
def test_a_terminal_without_emoji(fake: FakeRecommender, option: tuple[str, ...], shown: str) -> None:
    """Old encodings get question marks, JSON its own escapes; never a traceback."""
    process = start("similar", "🐶", *option, "--server", fake.target, PYTHONIOENCODING="ascii")
    out, error = process.communicate(timeout=30)
    assert (process.returncode, error) == (0, "")
    assert shown in out


def test_a_narrow_terminal(fake: FakeRecommender) -> None:
    """On a terminal no line is longer than it is wide, so that tables stay tables."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"COLUMNS": "24", "PINNERSAGE_SERVER": fake.target}
    status = subprocess.call([PINNERSAGE, "recommend", "ann"], stdout=theirs, env=environment)
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert status == 0
    assert shown.splitlines()[2] == "because you saved dog f…"
    assert shown.splitlines()[3] == "  0.875  🐩  poodle"


def test_the_documents_cover_the_values() -> None:
    """Every field of the answers is in the JSON: nothing is lost on the way to a script."""
    from_values = set(DOGS_AND_HEARTS.__slots__) - {"unknown_pins"}
    assert from_values <= set(documents.recommendation("ann", DOGS_AND_HEARTS, {}))
    assert set(ANN.__slots__) == set(documents.profile(ANN))
