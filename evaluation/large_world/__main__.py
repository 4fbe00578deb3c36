"""`python -m evaluation.large_world`: write the large world as a data set, or sweep its variations."""

import sys

from evaluation.errors import EvaluationError
from evaluation.large_world.bootstrap import run_sweep, write_large_world
from evaluation.large_world.settings import LargeWorldSettings, SweepSettings
from model.errors import ModelError
from process.commands import Program
from storage.errors import StorageError


def main() -> int:
    """Run the program and return its exit status."""
    program = Program("evaluation.large_world", expected=(EvaluationError, StorageError, ModelError, OSError))
    program.describe("A large world: a million real titles as pins, and simulated people who act on them.")
    program.command("write", LargeWorldSettings, write_large_world)
    program.command("sweep", SweepSettings, run_sweep)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
