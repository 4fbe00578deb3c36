"""`python -m server`: serve until told to stop."""

import os
import sys
from contextlib import closing

from process.environment import explained_imports

with explained_imports("server"):
    from process.commands import Program
    from server.ending import Ending
    from server.errors import StartError
    from server.key_commands import key_program, no_such_command
    from server.logs import configure
    from server.ports import HeldPort
    from server.settings import ServerSettings
    from server.supervisor import supervise
    from server.worker import serve_alone
    from storage.errors import StorageError


def serve(settings: ServerSettings) -> None:
    """Serve until SIGTERM (drains first) or SIGINT (ends at once, calls in flight may finish)."""
    configure(settings)
    ending = Ending()
    # Before anything is opened: who comes second learns it at once.
    with closing(HeldPort(settings.host, settings.port)) as held:
        if settings.workers == 1:
            serve_alone(settings, held.port, ending)
        else:
            is_over = supervise(settings, held.port, ending)
            if not is_over:
                # Python would cut the thread off wherever it is, in compiled code, too.
                os._exit(0)


def main() -> int:
    """Run the program and return its exit status."""
    word = next(iter(sys.argv[1:]), "--")
    if word == "key":
        return key_program().run(sys.argv[2:])
    if not word.startswith("-"):
        return no_such_command(word)
    program = Program("server", expected=(StartError, StorageError))
    program.command("serve", ServerSettings, serve, hears_signals=True)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
