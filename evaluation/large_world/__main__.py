"""`python -m evaluation.large_world`: write the large world as a data set, or sweep its variations."""

import sys

from process.environment import explained_imports

with explained_imports("evaluation.large_world"):
    from evaluation.errors import EvaluationError
    from evaluation.large_world.settings import LargeWorldSettings, SweepSettings
    from model.errors import ModelError
    from process.commands import Program
    from storage.errors import StorageError


def write(settings: LargeWorldSettings) -> None:
    """See `evaluation.large_world.bootstrap.write_large_world`."""
    # Imported late: it takes seconds, in which Ctrl-C would show a traceback, and --help needs none of it.
    from evaluation.large_world.bootstrap import write_large_world  # noqa: PLC0415 - see above

    write_large_world(settings)


def sweep(settings: SweepSettings) -> None:
    """See `evaluation.large_world.bootstrap.run_sweep`."""
    from evaluation.large_world.bootstrap import run_sweep  # noqa: PLC0415 - as above

    run_sweep(settings)


def main() -> int:
    """Run the program and return its exit status."""
    program = Program("evaluation.large_world", expected=(EvaluationError, StorageError, ModelError, OSError))
    program.describe("A large world: a million real titles as pins, and simulated people who act on them.")
    program.command("write", LargeWorldSettings, write)
    program.command("sweep", SweepSettings, sweep)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
