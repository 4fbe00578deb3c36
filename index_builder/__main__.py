"""`python -m index_builder`: build, verify, list and roll back pin artefacts."""

import sys

from index_builder.bootstrap import run_build, run_list, run_rollback, run_verify
from index_builder.errors import IndexBuilderError
from index_builder.settings import BuildSettings, ListSettings, RollbackSettings, VerifySettings
from process.commands import Program
from storage.errors import StorageError


def program() -> Program:
    """The program with its commands."""
    program = Program("index_builder", expected=(IndexBuilderError, StorageError))
    program.describe("Pins in, a published and verified nearest-neighbour artefact out.")
    program.command("build", BuildSettings, run_build)
    program.command("verify", VerifySettings, run_verify)
    program.command("list", ListSettings, run_list)
    program.command("rollback", RollbackSettings, run_rollback)
    return program


def main() -> int:
    """Run the command and return its exit status."""
    return program().run()


if __name__ == "__main__":
    sys.exit(main())
