"""A port is one server's alone, for all of its processes."""

import socket
from contextlib import closing

import pytest

from server.errors import StartError
from server.ports import HeldPort, address_of
from tests.ports import free_port
from tests.waiting import HANG_S


def listener(port: int) -> socket.socket:
    """What a worker does, as gRPC does it."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen()
    return listening


def test_workers_join_a_port_that_is_held() -> None:
    """Any number; connections go to them, and none to who holds it."""
    with closing(HeldPort("127.0.0.1", 0)) as held, listener(held.port), listener(held.port):
        for _ in range(20):
            socket.create_connection(("127.0.0.1", held.port), timeout=HANG_S).close()


@pytest.mark.parametrize("workers", [0, 1])
def test_nobody_else_takes_it(workers: int) -> None:
    """Neither before there is a worker nor while one listens, and the refusal says what to do."""
    with closing(HeldPort("127.0.0.1", 0)) as held:
        listening = [listener(held.port) for _ in range(workers)]
        with pytest.raises(StartError, match=f"cannot listen on 127.0.0.1:{held.port}: the port is in use"):
            HeldPort("127.0.0.1", held.port)
        for each in listening:
            each.close()


def test_who_listens_there_is_not_joined() -> None:
    """Not even one that would share: two servers would each get half of the connections in silence."""
    with listener(0) as other, pytest.raises(StartError):
        HeldPort("127.0.0.1", other.getsockname()[1])


def test_nobody_is_answered_while_nobody_listens() -> None:
    """A port that is held and not served refuses connections: who waits for readiness is not misled."""
    with closing(HeldPort("127.0.0.1", 0)) as held, socket.socket() as caller:
        assert caller.connect_ex(("127.0.0.1", held.port)) != 0


def test_a_port_let_go_can_be_taken_at_once() -> None:
    """Also while old connections to it linger: a server may be restarted."""
    # One that the system gives to nobody else in the moment in which it is free.
    with closing(HeldPort("127.0.0.1", free_port())) as held, listener(held.port) as listening:
        caller = socket.create_connection(("127.0.0.1", held.port), timeout=HANG_S)
        answering, _ = listening.accept()
        # Who closes first is the one that lingers.
        answering.close()
        caller.close()
    HeldPort("127.0.0.1", held.port).close()


def test_an_address_of_another_machine_is_refused() -> None:
    """192.0.2.1 is nobody's."""
    with pytest.raises(StartError, match="the address is not this machine's"):
        HeldPort("192.0.2.1", 0)


def test_all_addresses_of_a_name_get_one_port() -> None:
    """A name such as localhost may be two addresses."""
    with closing(HeldPort("localhost", 0)) as held, pytest.raises(StartError):
        HeldPort("127.0.0.1", held.port)


def test_a_free_port_is_free_at_all_addresses_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that somebody has at the second is let go, and another taken."""
    both = [(socket.AF_INET, host) for host in ("127.0.0.1", "127.0.0.2")]
    monkeypatch.setattr("server.ports._addresses", lambda _: both)
    others: list[socket.socket] = []

    class Unlucky(HeldPort):
        def _take(self, address: tuple[socket.AddressFamily, str]) -> None:
            if address == both[1] and not others:
                others.append(socket.create_server((address[1], self.port)))
            super()._take(address)

    with closing(Unlucky("a-name", 0)) as held:
        (other,) = others
        assert held.port not in {0, other.getsockname()[1]}
        other.close()


def test_addresses_are_written_as_grpc_reads_them() -> None:
    """IPv6 in brackets."""
    assert address_of("127.0.0.1", 50_051) == "127.0.0.1:50051"
    assert address_of("::1", 50_051) == "[::1]:50051"
