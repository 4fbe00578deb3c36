"""`python -m evaluation`: the paper's offline experiments on a data set."""

import sys

from process.environment import explained_imports

with explained_imports("evaluation"):
    from evaluation.errors import EvaluationError
    from evaluation.settings import EvaluationSettings
    from model.errors import ModelError
    from process.commands import Program
    from storage.errors import StorageError


def evaluate(settings: EvaluationSettings) -> None:
    """See `evaluation.bootstrap.run_evaluation`."""
    # Imported late: it takes seconds, in which Ctrl-C would show a traceback, and --help needs none of it.
    from evaluation.bootstrap import run_evaluation  # noqa: PLC0415 - see above

    run_evaluation(settings)


def main() -> int:
    """Run the program and return its exit status."""
    program = Program("evaluation", expected=(EvaluationError, StorageError, ModelError, OSError))
    program.command("evaluation", EvaluationSettings, evaluate)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
