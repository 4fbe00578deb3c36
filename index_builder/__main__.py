"""`python -m index_builder`: build pin artefacts, look after the versions, take pins down."""

import sys

from process.environment import explained_imports

with explained_imports("index_builder"):
    from index_builder.adding import run_add
    from index_builder.bootstrap import run_build, run_list, run_prune, run_rollback, run_verify
    from index_builder.errors import IndexBuilderError
    from index_builder.settings import (
        AddSettings,
        BlockedSettings,
        BlockSettings,
        BuildSettings,
        ListSettings,
        PruneSettings,
        RollbackSettings,
        UnblockSettings,
        VerifySettings,
    )
    from index_builder.takedown import run_block, run_blocked, run_unblock
    from process.commands import Program
    from storage.errors import StorageError


def program() -> Program:
    """The program with its commands."""
    program = Program("index_builder", expected=(IndexBuilderError, StorageError))
    program.describe("Pins in, a published and verified nearest-neighbour artefact out.")
    program.command("build", BuildSettings, run_build)
    program.command("add", AddSettings, run_add)
    program.command("verify", VerifySettings, run_verify)
    program.command("list", ListSettings, run_list)
    program.command("rollback", RollbackSettings, run_rollback)
    program.command("prune", PruneSettings, run_prune)
    program.command("block", BlockSettings, run_block)
    program.command("unblock", UnblockSettings, run_unblock)
    program.command("blocked", BlockedSettings, run_blocked)
    return program


def main() -> int:
    """Run the command and return its exit status."""
    return program().run()


if __name__ == "__main__":
    sys.exit(main())
