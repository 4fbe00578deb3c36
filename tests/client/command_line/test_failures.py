"""What the command says when a call fails."""

from threading import Event

import grpc
import pytest

from pinnersage.client.command_line import main
from pinnersage.client.testing import FakeRecommender
from pinnersage.v1 import recommender_pb2 as pb
from tests.client.command_line.conftest import Run
from tests.client.servers import nobody, serving
from tests.waiting import HANG_S


def test_the_servers_refusal_is_one_sentence(run: Run, fake: FakeRecommender) -> None:
    """In the server's words, with the request to look for in its log; exit status 1."""
    fake.fail(grpc.StatusCode.INVALID_ARGUMENT, "max_candidates: 5000 is more than 1,000")
    sentence = "pinnersage: max_candidates: 5000 is more than 1,000"
    context = f" (INVALID_ARGUMENT from {fake.target}, request fake-1)\n"
    assert run("recommend", "ann", "--max-candidates", "5000") == (1, "", sentence + context)
    status, shown, error = run("profile", "bob")
    assert (status, shown) == (1, "")
    assert error.startswith("pinnersage: user_id: there is no user 'bob' (NOT_FOUND from ")


@pytest.mark.parametrize(
    ("kind", "test", "advice"),
    [
        ("boolean", "any_of: is for text", "say --where in_stock, or --where 'not in_stock'"),
        (
            "time",
            "equals: is for boolean",
            "say --where 'in_stock>=2024-01-31', or --where 'in_stock<2024-01-31'",
        ),
        ("text", "within: is for time", "say --where in_stock=TEXT, or --where 'in_stock!=TEXT'"),
    ],
)
def test_a_condition_on_a_column_of_another_kind(
    run: Run, fake: FakeRecommender, kind: str, test: str, advice: str
) -> None:
    """The sentence says how it is typed, not what it is called on the wire."""
    refusal = f"filter.conditions[0].{test}; the column 'in_stock' is {kind}: whatever"
    fake.fail(grpc.StatusCode.INVALID_ARGUMENT, refusal)
    said = f"pinnersage: in_stock is a column of {kind} values; {advice}\n"
    assert run("recommend", "ann", "--where", "in_stock=yes") == (1, "", said)


def test_a_server_that_cannot_serve_now(run: Run, fake: FakeRecommender) -> None:
    """It is there, and says why not: its words, and exit status 3."""
    fake.fail(grpc.StatusCode.UNAVAILABLE, "the profile store does not answer", times=3)
    status, _, error = run("profile", "ann")
    assert status == 3
    assert error.startswith("pinnersage: the profile store does not answer (UNAVAILABLE from ")


def test_a_refusal_cannot_speak_to_the_terminal(run: Run, fake: FakeRecommender) -> None:
    """Whatever a server says, it stays one line."""
    fake.fail(grpc.StatusCode.INTERNAL, "first\x1b[2J\nsecond")
    error = run("profile", "ann")[2]
    assert error == f"pinnersage: first [2J second (INTERNAL from {fake.target}, request fake-1)\n"


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
        go_on.wait(HANG_S)
        return pb.RecommendResponse()

    with serving(recommend=slow) as target:
        assert main(["recommend", "ann", "--timeout", "0.05", "--server", target]) == 3
        go_on.set()
    assert capsys.readouterr().err == (
        f"pinnersage: {target} gave no answer in 0.05 s;"
        " see whether the address is right, or allow it more with --timeout SECONDS\n"
    )


def test_another_service_at_that_address(capsys: pytest.CaptureFixture[str]) -> None:
    """A gRPC server that is no PinnerSage."""
    with serving() as target:
        assert main(["recommend", "ann", "--server", target]) == 1
    assert capsys.readouterr().err == (
        f"pinnersage: {target} does not know Recommend: an older PinnerSage, or another service\n"
    )
