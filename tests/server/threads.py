"""A system that has no thread to give, as at the bound of its processes."""

import threading

import pytest


def refuse_threads(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """From here on no thread starts whose name begins with one of these."""
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith(names):
            raise RuntimeError("no more threads")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
