"""`python -m tests.deployment.licences` writes docs/licences.md: the terms of what the image carries."""

import re
from importlib.metadata import Distribution, distribution

from tests.architecture.sources import ROOT

DOCUMENT = ROOT / "docs" / "licences.md"
_LOCK = ROOT / "requirements-image.lock"
_UNINSTALLED = re.compile(r"uninstall --yes \\\n\s+(hatchling [a-z -]+) \\")
_LONGEST = 60

_HEAD = """\
# Licences

What the image carries beside its base, and under what terms, as each package says of itself. PinnerSage is
Apache-2.0. Wheels hold libraries of others, too (OpenBLAS and the GNU Fortran runtime in numpy, scipy and
faiss-cpu; librdkafka, and what is linked into it, in confluent-kafka; Arrow's own dependencies in pyarrow):
their notices lie in each package's `*.dist-info` in the image. This file is written by
`python -m tests.deployment.licences`.

| package | version | licence |
|---|---|---|
"""


def packages() -> list[str]:
    """Those of the lock that stay in the image."""
    locked = re.findall(r"(?m)^([a-z0-9._-]+)==", _LOCK.read_text())
    found = _UNINSTALLED.search((ROOT / "Dockerfile").read_text())
    assert found is not None, "the Dockerfile uninstalls nothing"
    return sorted(set(locked) - set(found[1].split()))


def licence_of(package: Distribution) -> str:
    """In a few words: the expression, else the field if it is short, else the classifiers."""
    said = package.metadata
    if expression := said.json.get("license_expression"):
        return str(expression)
    classified = [
        each.split(" :: ")[-1] for each in said.get_all("Classifier") or [] if each.startswith("License")
    ]
    written = str(said.json.get("license") or "")
    return written if 0 < len(written) <= _LONGEST else ", ".join(classified) or "says nothing"


def table() -> str:
    """The whole document."""
    rows = [(name, distribution(name)) for name in packages()]
    return _HEAD + "".join(
        f"| {name} | {package.version} | {licence_of(package)} |\n" for name, package in rows
    )


if __name__ == "__main__":
    DOCUMENT.write_text(table(), encoding="utf-8")
