"""What is asked for, and what cannot be."""

import pytest

from pinnersage.client import MergePolicy
from pinnersage.client.testing import FakeRecommender
from tests.client.command_line.conftest import Run


def test_recommend_passes_its_options_on(run: Run, fake: FakeRecommender) -> None:
    """All of them; ids that look like options come after an equals sign."""
    options = "--max-candidates 7 --max-interests 2 --seed 0 --min-score 0.5 --exclude a b --exclude=-c"
    options += " --merge-policy interleaved --variant wide"
    assert run("recommend", "ann", *options.split(), "--no-titles")[0] == 0
    (call,) = fake.calls
    assert call.arguments == {
        "user_id": "ann",
        "max_candidates": 7,
        "max_interests": 2,
        "seed": 0,
        "min_score": 0.5,
        "merge_policy": MergePolicy.INTERLEAVED,
        "variant": "wide",
        "exclude_pin_ids": ("a", "b", "-c"),
    }


def test_without_options_a_screenful_is_asked_for(run: Run, fake: FakeRecommender) -> None:
    """What is not given is left to the server, but for the number of candidates."""
    run("recommend", "ann", "--no-titles")
    assert fake.calls[0].arguments == {"user_id": "ann", "max_candidates": 30}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "the following arguments are required: COMMAND"),
        ("recommend", "the following arguments are required: USER"),
        (
            "recommend -ann",
            "USER; an id comes before --exclude, and one that begins with a dash comes last, after --",
        ),
        ("similar --exclude a b", "PIN; an id comes before --exclude"),
        ("recommend ann --max-cand 3", "unrecognized arguments: --max-cand 3"),
        (
            "recomend ann",
            "there is no command 'recomend'; did you mean recommend? It is one of recommend, similar, ",
        ),
        ("buy ann", "there is no command 'buy'; it is one of recommend, similar, "),
        (
            "recommend ann --seed=-1",
            "seed cannot be -1: it is a whole number, 0 to 18446744073709551615",
        ),
        ("recommend ann --max-candidates many", "--max-candidates: invalid int value: 'many'"),
        ("recommend ann --max-candidates=-1", "max_candidates cannot be -1"),
        ("recommend ann --merge-policy mean", "--merge-policy: mean is not one of interleaved, fused"),
        ("health --timeout 0", "--timeout: 0 is not 0.001 to 3600 seconds"),
        ("health --timeout nan", "--timeout: nan is not 0.001 to 3600 seconds"),
        ("health --timeout soon", "--timeout: soon is not 0.001 to 3600 seconds"),
        ("health --server \udcff:1", "'\\udcff:1' is not a server's address: write HOST:PORT"),
        ("health --server localhost", "'localhost' is not a server's address: write HOST:PORT"),
    ],
)
def test_wrong_usage(run: Run, fake: FakeRecommender, arguments: str, message: str) -> None:
    """Exit status 2, the reason on stderr, nothing on stdout, nothing sent."""
    status, shown, error = run(*arguments.split())
    assert (status, shown) == (2, "")
    assert message in error
    assert fake.calls == ()


@pytest.mark.parametrize("user", ["-ann", "--help", "two words", "o'\"Neil", "🐶", "two\nlines"])
def test_any_id_can_be_asked_for(run: Run, fake: FakeRecommender, user: str) -> None:
    """It reaches the server as it is, and is shown on one line."""
    status, shown, _ = run("recommend", "--no-titles", "--", user)
    assert status == 0
    assert fake.calls[0].arguments["user_id"] == user
    assert shown == f"{user.replace(chr(10), ' ')}: the server knows nothing about this user\n"


def test_the_flag_goes_before_the_variable(
    run: Run, monkeypatch: pytest.MonkeyPatch, fake: FakeRecommender
) -> None:
    """And an empty variable is none."""
    monkeypatch.setenv("PINNERSAGE_SERVER", "nobody:1")
    assert run("health", "--server", fake.target)[0] == 0
    monkeypatch.setenv("PINNERSAGE_SERVER", "")
    assert "127.0.0.1:50051" in run("health", "--help")[1]


@pytest.mark.parametrize("command", ["recommend", "similar", "profile", "record", "health"])
def test_every_help_explains_the_exit_statuses(run: Run, command: str) -> None:
    """Where scripts' authors look."""
    status, shown, _ = run(command, "--help")
    assert status == 0
    assert "$PINNERSAGE_SERVER" in shown
    for line in ("0  done", "1  the server refused", "2  wrong usage", "3  no server answers there"):
        assert line in shown
