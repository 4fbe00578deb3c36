"""`python -m evaluation.explaining`: why one average is hard to beat, cause by cause."""

import sys

from process.environment import explained_imports

with explained_imports("evaluation.explaining"):
    from evaluation.errors import EvaluationError
    from evaluation.explaining.settings import ExplainingSettings
    from model.errors import ModelError
    from process.commands import Program
    from storage.errors import StorageError


def explain(settings: ExplainingSettings) -> None:
    """See `evaluation.explaining.bootstrap.run_explaining`."""
    # Imported late: it takes seconds, in which Ctrl-C would show a traceback, and --help needs none of it.
    from evaluation.explaining.bootstrap import run_explaining  # noqa: PLC0415 - see above

    run_explaining(settings)


def main() -> int:
    """Run the program and return its exit status."""
    program = Program("evaluation.explaining", expected=(EvaluationError, StorageError, ModelError, OSError))
    program.command("explaining", ExplainingSettings, explain)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
