"""Users in logs: a keyed hash tells one from another, and tells nobody who they are."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

HashUser = Callable[[str], str]
_DIGEST_BYTES = 8


@dataclass(frozen=True, slots=True, repr=False)
class User:
    """Whom a line of the log is about; however it is written out, the id is not shown."""

    user_id: str

    def __repr__(self) -> str:
        return "<user>"


def user_hash(salt: str) -> HashUser:
    """Hash users' ids with a salt, as 16 hexadecimal digits: the same in every process with that salt.

    Who knows the salt can try ids: keep it as a secret, and change it to cut the tie to older logs.
    """
    key = hashlib.blake2b(salt.encode()).digest()

    def hashed(user_id: str) -> str:
        return hashlib.blake2b(user_id.encode(), key=key, digest_size=_DIGEST_BYTES).hexdigest()

    return hashed
