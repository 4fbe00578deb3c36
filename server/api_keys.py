"""API keys: made here, known by their hashes only, several live at once so that one can follow another.

    FILE: one a line    NAME sha256:HEX [read-only]    (blank lines, and those after #, are for people)

A key is 256 random bits, so that a plain SHA-256 tells nothing about it. docs/security.md has the rules.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from server.errors import StartError
from server.watched_files import read_bytes
from storage.syncing import replace_text

_PREFIX = "ps_"
_SCHEME = "bearer "
_NAME = r"[A-Za-z0-9._-]{1,64}"
_READ_ONLY = "read-only"
_LINE = re.compile(rf"(?P<name>{_NAME})\s+sha256:(?P<digest>[0-9a-f]{{64}})(?:\s+(?P<limit>{_READ_ONLY}))?")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key.

    Attributes:
        digest: Its SHA-256.
        may_write: Whether its callers may do more than ask.
    """

    digest: bytes
    may_write: bool = True


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """The keys in use.

    Attributes:
        by_name: All of them.
    """

    by_name: Mapping[str, ApiKey]

    def find(self, authorization: str) -> ApiKey | None:
        """The key in the value of a header `authorization`; to find none takes as long as to find one."""
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            return None
        shown, found = hashlib.sha256(authorization[len(_SCHEME) :].encode()).digest(), None
        for key in self.by_name.values():
            if hmac.compare_digest(shown, key.digest):
                found = key
        return found


def read_keys(path: Path) -> ApiKeys:
    """The keys of a file; none is an answer, too: then nobody gets in.

    Raises:
        StartError: It cannot be read, or a line is no key; the message has the line's number.
    """
    keys: dict[str, ApiKey] = {}
    content = read_bytes(path, "api-keys").decode("utf-8", "replace")
    for number, line in enumerate(content.splitlines(), start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        found = _LINE.fullmatch(text)
        if found is None or found["name"] in keys:
            raise StartError(
                f"--api-keys {path}, line {number}: write NAME sha256:HEX [{_READ_ONLY}], each name once, as "
                f"`python -m server key --api-keys {path} --name NAME` does."
            )
        keys[found["name"]] = ApiKey(bytes.fromhex(found["digest"]), may_write=found["limit"] is None)
    return ApiKeys(keys)


def add_key(path: Path, name: str, *, may_write: bool = True) -> str:
    """Make a key, add its hash to a file, and return the key: it is written down nowhere.

    Args:
        path: The file, made when it is not there.
        name: Of the key.
        may_write: Whether its callers may do more than ask.

    Raises:
        StartError: The name is taken or no name, or the file cannot be read or written.
    """
    if not re.fullmatch(_NAME, name):
        raise StartError(f"--name {name!r}: up to 64 letters, digits, dots, dashes and underscores.")
    before = ""
    if path.exists():
        if name in read_keys(path).by_name:
            raise StartError(f"--name {name}: {path} has a key of that name. Choose another.")
        before = path.read_text().rstrip("\n") + "\n"
    key = _PREFIX + secrets.token_urlsafe(32)
    limit = "" if may_write else f" {_READ_ONLY}"
    _replace(path, f"{before}{name} sha256:{hashlib.sha256(key.encode()).hexdigest()}{limit}\n")
    return key


def _replace(path: Path, content: str) -> None:
    """At once: a server may be reading."""
    try:
        replace_text(path, content)
    except OSError as error:
        raise StartError(f"--api-keys {path} cannot be written: {error.strerror or error}.") from error
