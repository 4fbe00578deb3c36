"""Certificates for tests, made by openssl: an authority, and pairs that it signs."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True)
class Pair:
    """PEM files of a certificate and its key."""

    certificate: Path
    key: Path

    def replace(self, other: "Pair") -> None:
        """Put another pair in this one's place, as those do who renew certificates: file by file."""
        for ours, theirs in ((self.certificate, other.certificate), (self.key, other.key)):
            draft = ours.with_suffix(".draft")
            shutil.copy(theirs, draft)
            draft.replace(ours)

    def copied(self, folder: Path) -> "Pair":
        """The same elsewhere, to be replaced there."""
        folder.mkdir(parents=True, exist_ok=True)
        return Pair(
            Path(shutil.copy(self.certificate, folder / "tls.crt")),
            Path(shutil.copy(self.key, folder / "tls.key")),
        )


class Authority:
    """Signs certificates.

    Args:
        folder: Where everything goes.
        name: Its own.
    """

    def __init__(self, folder: Path, name: str = "authority") -> None:
        if shutil.which("openssl") is None:
            pytest.skip("no openssl here to make certificates with")
        self._folder = folder
        self.own = Pair(folder / f"{name}.pem", folder / f"{name}.key")
        _openssl("req", "-x509", *_EC, "-days", "1", "-subj", f"/CN={name}", *_out(self.own))

    @property
    def certificate(self) -> bytes:
        """PEM."""
        return self.own.certificate.read_bytes()

    def sign(self, name: str) -> Pair:
        """A pair for 127.0.0.1 and localhost."""
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        by = ("-CA", self.own.certificate, "-CAkey", self.own.key, "-days", 1)
        of = ("-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-addext", "basicConstraints=CA:FALSE")
        _openssl("req", "-x509", *_EC, "-subj", f"/CN={name}", *by, *of, *_out(pair))
        return pair


def expire(pair: Pair) -> None:
    """Have a pair's certificate end yesterday."""
    ended = ("-days", -1, "-signkey", pair.key)
    _openssl("x509", "-in", pair.certificate, *ended, "-out", pair.certificate)


def _out(pair: Pair) -> tuple[object, ...]:
    return ("-out", pair.certificate, "-keyout", pair.key)


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
