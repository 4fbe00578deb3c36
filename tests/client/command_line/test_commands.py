"""Titles belong to an answer, and never cost it."""

import json

import grpc
import pytest

from pinnersage.client import Candidate, Pin, Recommendation
from pinnersage.client.command_line import main
from pinnersage.client.testing import FakeRecommender
from pinnersage.v1 import recommender_pb2 as pb
from tests.client.servers import serving


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


def test_an_action_is_recorded_from_a_shell(capsys: pytest.CaptureFixture[str]) -> None:
    """People read what is kept and under which id; a document says the same."""
    arguments = ["record", "ann", "85123A", "save", "--at", "2013-08-07T12:00", "--event-id", "a-1"]
    with FakeRecommender() as fake:
        assert main([*arguments, "--server", fake.target]) == 0
        assert capsys.readouterr().out == "ann: save 85123A, 2013-08-07 12:00:00 UTC, event a-1\n"
        assert main([*arguments, "--json", "--server", fake.target]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "user_id": "ann",
        "pin_id": "85123A",
        "action": "save",
        "action_time": "2013-08-07T12:00:00Z",
        "event_id": "a-1",
        "request_id": "fake-2",
    }


def test_a_server_without_a_stream_says_what_it_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    """Its words reach the person, with exit status 1."""
    with FakeRecommender() as fake:
        fake.fail(grpc.StatusCode.FAILED_PRECONDITION, "start it with --events URL")
        assert main(["record", "ann", "85123A", "save", "--server", fake.target]) == 1
    assert "start it with --events URL" in capsys.readouterr().err
