"""Only who may, and only over a line that nobody reads along: ACL and TLS."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from storage.errors import PublishError, StoreUnavailableError
from storage.profiles.encoding import EncodedUser
from storage.profiles.opening import open_batch_publisher, open_online_writer, open_reader
from storage.profiles.redis import reader as redis_reader
from tests.storage.profiles.people import encoded, manifest, online, profile, same
from tests.storage.profiles.valkeys import Valkey

READS = (
    *("+hmget", "+get", "+hget", "+hgetall", "+hexists", "+exists", "+ping", "+select", "+client"),
    *("+zrange", "+zrangebyscore"),
)
LEASES = ("+zadd", "+zrem")
WRITES = ("+@read", "+@write", "+eval", "+ping", "+select", "+client")


@pytest.fixture
def users(valkey: Valkey) -> Iterator[str]:
    """A published batch; ann may read it, ben may write it, and strangers nothing."""
    url = valkey.url()
    prefix = url.partition("prefix=")[2].partition("&")[0]
    open_batch_publisher(url).publish([encoded("ann", "cat-1")], [], manifest)
    mine = f"~{prefix}:*"
    valkey.ask("ACL", "SETUSER", "ann", "on", ">secret", "resetkeys", mine, *READS, *LEASES)
    valkey.ask("ACL", "SETUSER", "ben", "on", ">other", "resetkeys", mine, "+@all")
    yield url
    valkey.ask("ACL", "DELUSER", "ann", "ben")


def as_user(url: str, who: str) -> str:
    return url.replace("redis://", f"redis://{who}@")


def test_a_reader_needs_to_read_and_to_hold_on(users: str) -> None:
    """With these rights, which the documentation lists, everything of a reader works."""
    reader = open_reader(as_user(users, "ann:secret"))
    assert same(reader.batch("ann"), profile("ann", "cat-1"))
    assert reader.popular() == ()
    assert reader.tombstones(reader.newest_tombstone()) == []
    reader.close()


def test_a_publisher_needs_to_read_to_write_and_to_run_scripts(valkey: Valkey) -> None:
    """With these rights, which the documentation lists, batches are published, given up and collected."""
    url = valkey.url()
    mine = f"~{url.partition('prefix=')[2].partition('&')[0]}:*"
    valkey.ask("ACL", "SETUSER", "cleo", "on", ">pearl", "resetkeys", mine, *WRITES)
    try:
        publisher = open_batch_publisher(as_user(url, "cleo:pearl"))
        for cat in ("cat-1", "cat-2", "cat-3"):
            publisher.publish([encoded("ann", cat)], [cat], manifest)
        assert len(publisher.prune(1).collected) == 1

        def failing() -> Iterator[EncodedUser]:
            yield encoded("ann", "cat-4")
            raise PublishError("a worker has died")

        with pytest.raises(PublishError, match="a worker has died"):
            publisher.publish(failing(), [], manifest)
    finally:
        valkey.ask("ACL", "DELUSER", "cleo")


def test_a_reader_may_not_write(users: str) -> None:
    """The store refuses; the message says to look at the ACL, and not who we are."""
    with pytest.raises(StoreUnavailableError, match=r"refuses us.*Check the user, its password and its ACL"):
        open_batch_publisher(as_user(users, "ann:secret")).publish([], [], manifest)
    writer = open_online_writer(as_user(users, "ben:other"))
    writer.put(online("ann", "cat-7"))
    writer.close()


def test_the_user_may_come_from_variables(users: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which no list of processes shows."""
    monkeypatch.setenv("PINNERSAGE_PROFILES_USERNAME", "ann")
    monkeypatch.setenv("PINNERSAGE_PROFILES_PASSWORD", "secret")
    reader = open_reader(users)
    assert reader.batch("ann") is not None
    reader.close()


def test_a_wrong_password_is_refused_without_being_repeated(users: str) -> None:
    """Nor is it in any cause of the error."""
    with pytest.raises(StoreUnavailableError, match="refuses us") as refusal:
        open_reader(as_user(users, "ann:wrong-word"))
    error: BaseException | None = refusal.value
    while error is not None:
        assert "wrong-word" not in str(error)
        error = error.__cause__ or error.__context__


@dataclass(frozen=True)
class Certificates:
    """Files: one who signs, and a server on 127.0.0.1 whom they signed."""

    ca: Path
    cert: Path
    key: Path


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here to make certificates with")
    folder = tmp_path_factory.mktemp("certificates")
    files = Certificates(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    signer = folder / "ca.key"
    _run(*new, "-subj", "/CN=signer", "-keyout", signer, "-out", files.ca)
    by_signer = ["-CA", files.ca, "-CAkey", signer, "-addext", "subjectAltName=IP:127.0.0.1"]
    leaf = ["-addext", "basicConstraints=critical,CA:FALSE"]
    _run(*new, "-subj", "/CN=store", *by_signer, *leaf, "-keyout", files.key, "-out", files.cert)
    return files


def _run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


class TlsFront:
    """Speaks TLS and hands everything on to a server that does not."""

    def __init__(self, port_behind: int, certificates: Certificates) -> None:
        self._port_behind = port_behind
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificates.cert, certificates.key)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._take_all, daemon=True).start()

    def _take_all(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._take, args=(plain,), daemon=True).start()

    def _take(self, plain: socket.socket) -> None:
        try:
            front = self._context.wrap_socket(plain, server_side=True)
        except (ssl.SSLError, OSError):
            plain.close()
            return
        behind = socket.create_connection(("127.0.0.1", self._port_behind))
        threading.Thread(target=_hand_on, args=(behind, front), daemon=True).start()
        _hand_on(front, behind)

    def close(self) -> None:
        self._listening.close()


def _hand_on(source: socket.socket, target: socket.socket) -> None:
    """Until either end has enough."""
    try:
        while content := source.recv(65_536):
            target.sendall(content)
    except OSError:
        pass
    finally:
        source.close()
        target.close()


@pytest.fixture
def front(valkey: Valkey, certificates: Certificates) -> Iterator[TlsFront]:
    running = TlsFront(valkey.port, certificates)
    yield running
    running.close()


def behind(front: TlsFront, url: str, *options: str) -> str:
    """The same store, through the front."""
    _, _, query = url.partition("?")
    return f"rediss://127.0.0.1:{front.port}/0?{'&'.join((query, *options))}"


def test_a_store_behind_tls_is_read_and_written(
    valkey: Valkey, front: TlsFront, certificates: Certificates
) -> None:
    """With a certificate by somebody whom we trust."""
    url = behind(front, valkey.url(), f"ca={certificates.ca}")
    open_batch_publisher(url).publish([encoded("ann", "cat-1")], [], manifest)
    reader = open_reader(url)
    assert same(reader.batch("ann"), profile("ann", "cat-1"))
    reader.close()


def test_a_store_that_nobody_vouches_for_is_not_spoken_to(valkey: Valkey, front: TlsFront) -> None:
    """The system does not know who signed its certificate: nothing is sent, least of all a password."""
    with pytest.raises(StoreUnavailableError, match="certificate verify failed"):
        open_reader(behind(front, valkey.url()))


def test_plain_text_is_not_taken_for_tls(
    valkey: Valkey, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """rediss:// to a store without TLS fails instead of falling back."""
    # Each waits for the other to begin: as long as somebody who opens a store waits.
    monkeypatch.setattr(redis_reader, "TIMEOUT_S", 0.5)
    with pytest.raises(StoreUnavailableError, match="cannot be used"):
        open_reader(f"rediss://127.0.0.1:{valkey.port}/0?ca={certificates.ca}&timeout_ms=500")
