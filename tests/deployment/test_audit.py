"""The audit of known vulnerabilities: what is told of pip-audit's report, and that nothing is passed over."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.deployment.audit import FOUND, NOT_LOOKED_UP, Audit, read

CLEAN: dict[str, Any] = {"name": "numpy", "version": "2.4.0", "vulns": []}
WITH_FAULT: dict[str, Any] = {
    "name": "jinja2",
    "version": "3.1.2",
    "vulns": [
        {"id": "PYSEC-1", "fix_versions": ["3.1.3", "3.1.4"], "aliases": [], "description": ""},
        {"id": "PYSEC-2", "fix_versions": [], "aliases": [], "description": ""},
    ],
}
SKIPPED: dict[str, Any] = {"name": "faiss-cpu", "skip_reason": "Dependency not found on PyPI"}


def audit(folder: Path, *packages: dict[str, Any]) -> Audit:
    report = folder / "audit.json"
    report.write_text(json.dumps({"dependencies": packages, "fixes": []}))
    return read(report)


@pytest.mark.parametrize(
    ("packages", "status"),
    [
        ((CLEAN,), 0),
        ((CLEAN, WITH_FAULT), FOUND),
        # pip-audit itself says "no known vulnerabilities" of this one.
        ((CLEAN, SKIPPED), NOT_LOOKED_UP),
        ((SKIPPED, WITH_FAULT), FOUND),
    ],
)
def test_only_what_was_looked_up_passes(
    packages: tuple[dict[str, Any], ...], status: int, tmp_path: Path
) -> None:
    """A vulnerability fails; so does, in its own way, a package of which nothing could be learned."""
    assert audit(tmp_path, *packages).status == status


def test_it_says_what_to_do(tmp_path: Path) -> None:
    """Each vulnerability with the versions that mend it; what was not audited, and why."""
    assert str(audit(tmp_path, CLEAN, WITH_FAULT, SKIPPED)).splitlines() == [
        "Looked up and without a known vulnerability: 1.",
        "VULNERABLE  jinja2 3.1.2: PYSEC-1, mended in 3.1.3, 3.1.4",
        "VULNERABLE  jinja2 3.1.2: PYSEC-2, mended in none",
        "NOT AUDITED: 1, for instance faiss-cpu: Dependency not found on PyPI",
        "Of these nothing is known. Run it where the package index, or OSV, can be reached.",
    ]
