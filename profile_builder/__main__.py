"""`python -m profile_builder`: calibrate a model once, build everybody's profiles every day."""

import sys

from model.errors import ModelError
from process.commands import Program
from process.progress import Reporter
from profile_builder import bootstrap
from profile_builder.errors import ProfileBuilderError
from profile_builder.settings import BatchSettings, CalibrateSettings
from storage.errors import StorageError


def calibrate(settings: CalibrateSettings) -> None:
    """Calibrate and print what came of it."""
    print("\n".join(bootstrap.calibrate(settings, Reporter())))


def batch(settings: BatchSettings) -> None:
    """Build and publish the profiles and print what came of it."""
    print("\n".join(bootstrap.batch(settings, Reporter())))


def program() -> Program:
    """The program with its commands."""
    program = Program("profile_builder", expected=(ProfileBuilderError, StorageError, ModelError))
    program.describe("Turn actions into profiles: calibrate once, then batch every day.")
    program.command("calibrate", CalibrateSettings, calibrate)
    program.command("batch", BatchSettings, batch)
    return program


def main() -> int:
    """Run the command and return its exit status."""
    return program().run()


if __name__ == "__main__":
    sys.exit(main())
