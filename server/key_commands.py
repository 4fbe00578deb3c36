"""`python -m server key`: makes an API key."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from process.commands import BAD_USAGE, Program, setting
from server.api_keys import add_key
from server.errors import StartError


@dataclass(frozen=True, kw_only=True)
class NewKeySettings:
    """Make an API key: its hash goes into the file, the key itself to stdout, once."""

    name: Annotated[str, setting("What to call it, to retire it by.", env="KEY_NAME", metavar="NAME")]
    api_keys: Annotated[
        Path, setting("The file of hashes that the server reads.", env="API_KEYS", metavar="FILE")
    ]
    read_only: Annotated[
        bool, setting("Its callers may ask for everything, and record nothing.", env="KEY_READ_ONLY")
    ] = False


def new_key(settings: NewKeySettings) -> None:
    """Print the key, and for people what to do with it."""
    print(add_key(settings.api_keys, settings.name, may_write=not settings.read_only))
    print(
        f"Its hash is in {settings.api_keys} as {settings.name}; the key is written down nowhere else. A "
        "running server takes it within seconds, and lets it go when you delete that line.",
        file=sys.stderr,
    )


def no_such_command(word: str) -> int:
    """Refuse a word that is no command, and return the exit status."""
    print(
        f"server: there is no command {word!r}: the only one is key, and without one the server serves.\n"
        "See: python -m server --help, or python -m server key --help",
        file=sys.stderr,
    )
    return BAD_USAGE


def key_program() -> Program:
    """The program."""
    program = Program("server key", expected=(StartError,))
    program.command("key", NewKeySettings, new_key)
    return program
