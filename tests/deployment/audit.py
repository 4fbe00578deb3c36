"""`python -m tests.deployment.audit REPORT` says what pip-audit found, and what it could not look up."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOUND, NOT_LOOKED_UP = 1, 2  # Exit statuses.


@dataclass(frozen=True, slots=True)
class Audit:
    """What is known of the packages of a lock.

    Attributes:
        clean: How many were looked up, and have no known vulnerability.
        vulnerable: A line for each vulnerability: the package, what it is called, which versions mend it.
        unknown: A line for each package of which nothing could be learned, with the reason.
    """

    clean: int
    vulnerable: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def status(self) -> int:
        """What a shell is told. A package that could not be looked up is no package without fault."""
        if self.vulnerable:
            return FOUND
        return NOT_LOOKED_UP if self.unknown else 0

    def __str__(self) -> str:
        lines = [f"Looked up and without a known vulnerability: {self.clean}."]
        lines += [f"VULNERABLE  {line}" for line in self.vulnerable]
        if self.unknown:
            lines += [f"NOT AUDITED: {len(self.unknown)}, for instance {self.unknown[0]}"]
            lines += ["Of these nothing is known. Run it where the package index, or OSV, can be reached."]
        return "\n".join(lines)


def read(report: Path) -> Audit:
    """The audit in a report of `pip-audit --format json`."""
    packages: list[dict[str, Any]] = json.loads(report.read_text())["dependencies"]
    return Audit(
        clean=sum("skip_reason" not in each and not each["vulns"] for each in packages),
        vulnerable=tuple(
            f"{each['name']} {each['version']}: {found['id']}, "
            f"mended in {', '.join(found['fix_versions']) or 'none'}"
            for each in packages
            for found in each.get("vulns", ())
        ),
        unknown=tuple(f"{each['name']}: {each['skip_reason']}" for each in packages if "skip_reason" in each),
    )


if __name__ == "__main__":
    audit = read(Path(sys.argv[1]))
    print(audit)
    sys.exit(audit.status)
