"""`python -m demo`: see the whole service at work."""

import signal
import sys
from types import FrameType

from process.environment import explained_imports

with explained_imports("demo"):
    from demo.bootstrap import run_demo
    from demo.errors import DemoError
    from demo.settings import DemoSettings
    from pinnersage.client import PinnerSageError
    from process.commands import Program
    from storage.errors import StorageError


def main() -> int:
    """Run the program and return its exit status."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    program = Program("demo", expected=(DemoError, StorageError, PinnerSageError, OSError))
    program.command("demo", DemoSettings, run_demo, hears_signals=True)
    return program.run()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """However the demo is told to end, it ends like Ctrl-C: the server it started is stopped."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
