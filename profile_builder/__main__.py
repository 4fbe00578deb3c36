"""`python -m profile_builder`: calibrate once, build everybody's profiles every day, and look after them."""

import sys

from process.environment import explained_imports

with explained_imports("profile_builder"):
    from model.errors import ModelError
    from process.commands import Program
    from profile_builder.bootstrap import batch, calibrate, forget, list_batches, prune, rollback
    from profile_builder.bootstrap_online import online
    from profile_builder.errors import ProfileBuilderError
    from profile_builder.settings import (
        BatchSettings,
        CalibrateSettings,
        ForgetSettings,
        ListSettings,
        PruneSettings,
        RollbackSettings,
    )
    from profile_builder.settings_online import OnlineSettings
    from storage.errors import StorageError


def program() -> Program:
    """The program with its commands."""
    program = Program("profile_builder", expected=(ProfileBuilderError, StorageError, ModelError))
    program.describe("Turn actions into profiles: calibrate once, then batch every day.")
    program.command("calibrate", CalibrateSettings, calibrate)
    program.command("batch", BatchSettings, batch)
    program.command("online", OnlineSettings, online, hears_signals=True)
    program.command("forget", ForgetSettings, forget)
    program.command("list", ListSettings, list_batches)
    program.command("rollback", RollbackSettings, rollback)
    program.command("prune", PruneSettings, prune)
    return program


def main() -> int:
    """Run the command and return its exit status."""
    return program().run()


if __name__ == "__main__":
    sys.exit(main())
