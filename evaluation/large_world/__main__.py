"""`python -m evaluation.large_world`: write the large world as a data set."""

import sys

from evaluation.errors import EvaluationError
from evaluation.large_world.bootstrap import write_large_world
from evaluation.large_world.settings import LargeWorldSettings
from process.commands import Program
from storage.errors import StorageError

if __name__ == "__main__":
    program = Program("evaluation.large_world", expected=(EvaluationError, StorageError, OSError))
    program.command("large-world", LargeWorldSettings, write_large_world)
    sys.exit(program.run())
