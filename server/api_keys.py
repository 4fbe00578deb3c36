"""API keys: made here, known by their hashes only, several live at once so that one can follow another.

    FILE: one a line    NAME sha256:HEX    (blank lines, and those after a number sign, are for people)

A key is 256 random bits, so that a plain SHA-256 tells nothing about it. docs/security.md has the rules.
"""

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from server.errors import StartError
from server.watched_files import read_bytes

_PREFIX = "ps_"
_SCHEME = "bearer "
_NAME = r"[A-Za-z0-9._-]{1,64}"
_LINE = re.compile(rf"(?P<name>{_NAME})\s+sha256:(?P<digest>[0-9a-f]{{64}})")


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """The keys in use, by name.

    Attributes:
        digests: SHA-256 of each.
    """

    digests: Mapping[str, bytes]

    def admit(self, authorization: str) -> bool:
        """Whether the value of a header `authorization` is one of them; takes as long if it is not."""
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            return False
        shown = hashlib.sha256(authorization[len(_SCHEME) :].encode()).digest()
        is_known = False
        for digest in self.digests.values():
            is_known |= hmac.compare_digest(shown, digest)
        return is_known


def read_keys(path: Path) -> ApiKeys:
    """The keys of a file; none is an answer, too: then nobody gets in.

    Raises:
        StartError: It cannot be read, or a line is no key; the message has the line's number.
    """
    digests: dict[str, bytes] = {}
    content = read_bytes(path, "api-keys").decode("utf-8", "replace")
    for number, line in enumerate(content.splitlines(), start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        found = _LINE.fullmatch(text)
        if found is None or found["name"] in digests:
            raise StartError(
                f"--api-keys {path}, line {number}: write NAME sha256:HEX, each name once, as "
                f"`python -m server key --api-keys {path} --name NAME` does."
            )
        digests[found["name"]] = bytes.fromhex(found["digest"])
    return ApiKeys(digests)


def add_key(path: Path, name: str) -> str:
    """Make a key, add its hash to a file, and return the key: it is written down nowhere.

    Raises:
        StartError: The name is taken or no name, or the file cannot be read or written.
    """
    if not re.fullmatch(_NAME, name):
        raise StartError(f"--name {name!r}: up to 64 letters, digits, dots, dashes and underscores.")
    before = ""
    if path.exists():
        if name in read_keys(path).digests:
            raise StartError(f"--name {name}: {path} has a key of that name. Choose another.")
        before = path.read_text().rstrip("\n") + "\n"
    key = _PREFIX + secrets.token_urlsafe(32)
    _replace(path, f"{before}{name} sha256:{hashlib.sha256(key.encode()).hexdigest()}\n")
    return key


def _replace(path: Path, content: str) -> None:
    """At once: a server may be reading."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(content)
        draft.replace(path)
    except OSError as error:
        raise StartError(f"--api-keys {path} cannot be written: {error.strerror or error}.") from error
