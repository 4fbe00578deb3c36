"""The command `pinnersage` with servers that do not talk to everybody."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pinnersage.client.command_line import main
from server.api_keys import add_key
from server.bootstrap import wire_server
from server.ports import Ports
from server.serving import RunningServer
from tests.server.certificates import Authority, Pair
from tests.server.conftest import settings
from tests.server.world import default_people, make_pins
from tests.waiting import HANG_S

Serve = Callable[..., str]
Ask = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.sign("server")


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server and return its address."""
    running: list[RunningServer] = []

    def start(**asked: object) -> str:
        running.append(wire_server(make_pins(), default_people().store(), settings(**asked)))
        return f"127.0.0.1:{running[-1].start(Ports(host='127.0.0.1', port=0, metrics_port=0))}"

    yield start
    for server in running:
        server.stop(grace_s=1)


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run the command: its exit status, and what it says when it fails."""

    def run(address: str, *flags: object, command: tuple[str, ...] = ("profile", "ann")) -> tuple[int, str]:
        status = main([*command, "--server", address, "--timeout", str(HANG_S), *map(str, flags)])
        return status, capsys.readouterr().err

    return run


def test_a_server_with_everything_answers_who_shows_everything(
    serve: Serve, ask: Ask, authority: Authority, pair: Pair, tmp_path: Path
) -> None:
    """TLS with the authority's name, a certificate of one's own, and a key from a file with a line's end."""
    keys, key_file = tmp_path / "keys.txt", tmp_path / "key"
    key_file.write_text(add_key(keys, "tests") + "\n")
    ca = authority.own.certificate
    address = serve(tls_cert=pair.certificate, tls_key=pair.key, tls_client_ca=ca, api_keys=keys)
    shown = ("--ca", ca, "--cert", pair.certificate, "--key", pair.key)

    assert ask(address, *shown, "--api-key-file", key_file) == (0, "")
    assert ask(address, *shown, command=("health",)) == (0, "")
    status, said = ask(address, *shown)
    assert status == 1
    assert said.startswith(
        f"pinnersage: {address} wants an API key that is in use; give it with --api-key-file"
    )
    status, said = ask(address, "--ca", ca)
    assert status == 3
    assert "show it a certificate: --cert FILE --key FILE" in said


def test_who_does_not_understand_one_another_learns_why(
    serve: Serve, ask: Ask, authority: Authority, pair: Pair
) -> None:
    """Plain text to TLS, TLS to plain text, and a certificate that nobody here knows."""
    encrypted, plain = serve(tls_cert=pair.certificate, tls_key=pair.key), serve()
    for address, flags, advice in (
        (encrypted, (), f"{encrypted} hung up; if it speaks TLS, say --tls"),
        (
            encrypted,
            ("--tls",),
            f"{encrypted} has a certificate that is not trusted here; name who signed it: --ca",
        ),
        (plain, ("--ca", authority.own.certificate), f"{plain} does not speak TLS; leave out --tls"),
    ):
        status, said = ask(address, *flags)
        assert (status, advice in said) == (3, True), said


def test_files_that_cannot_be_used_are_wrong_usage(
    ask: Ask, authority: Authority, pair: Pair, tmp_path: Path
) -> None:
    """With the flag and the file, before anybody is asked; half a pair is none."""
    nowhere, nobody = tmp_path / "nowhere", "127.0.0.1:1"

    for flag in ("--ca", "--api-key-file"):
        assert ask(nobody, flag, nowhere) == (
            2,
            f"pinnersage: {flag} {nowhere} cannot be read: No such file or directory\n",
        )
    junk = tmp_path / "junk.pem"
    for content in ("", "junk", "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n"):
        junk.write_text(content)
        status, said = ask(nobody, "--ca", junk)
        assert (status, f"--ca {junk} holds no certificate in PEM" in said) == (2, True), said
    status, said = ask(nobody, "--cert", junk, "--key", pair.key)
    assert (status, f"--cert {junk} holds no certificate in PEM" in said) == (2, True), said
    status, said = ask(nobody, "--cert", pair.certificate, "--key", junk)
    assert (status, f"--key {junk} holds no private key in PEM" in said) == (2, True), said
    status, said = ask(nobody, "--cert", pair.certificate, "--key", authority.own.key)
    assert (status, "the key is another certificate's" in said) == (2, True), said
    status, said = ask(nobody, "--cert", pair.certificate)
    assert (status, "--cert FILE and --key FILE belong together" in said) == (2, True)
