"""`make audit`: known faults and licences of everything that is locked, and the bill of materials.

Exit status 1 for a known fault or a licence that is not on our list, 3 if the fault database could not be asked: what
was not checked is never reported as free of faults.
"""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
SBOM = ROOT / "dist" / "sbom.json"
AGREED = re.compile(
    r"\b(MIT(-0|-CMU)?|BSD(-[23]-Clause)?|0BSD|Apache(-2\.0|\s+(Software )?Licen[sc]e|\s+2)?|PSF(-2\.0)?|Python "
    r"Software Foundation|ISC|ISCL|MPL[ -]2\.0|Mozilla Public|"
    r"HPND|Unlicense|CC0-1\.0|Zlib|ZPL|LGPL|Lesser General Public)",
    re.IGNORECASE,
)
"""Licences under which a library may be used here: those that leave our own licence as it is; LGPL and MPL only for
libraries that are used unchanged."""


@dataclass(frozen=True, slots=True)
class Package:
    """One locked dependency, with the licence it states (``""``: none, or not installed here)."""

    name: str
    version: str
    licence: str
    installed: bool

    @property
    def agreed(self) -> bool:
        return not self.installed or bool(AGREED.search(self.licence))


def locked(lock: Path = LOCK) -> list[Package]:
    """Everything in the lock file."""
    found = re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", lock.read_text(), re.MULTILINE)
    return [Package(name, version, *_licence(name)) for name, version in found]


def _licence(name: str) -> tuple[str, bool]:
    try:
        about: Any = metadata(name)
    except PackageNotFoundError:  # for another platform
        return "", False
    stated = about.get("License-Expression") or ""
    classed = [
        value.rsplit(" :: ", 1)[-1] for value in about.get_all("Classifier") or [] if value.startswith("License ::")
    ]
    return stated or "; ".join(classed) or (about.get("License") or "").splitlines()[0][:80], True


def judge(report: dict[str, Any]) -> tuple[list[str], list[str]]:
    """(a line for each known fault, the names that could not be checked) of pip-audit's report."""
    faults = [
        f"{package['name']} {package.get('version', '')}: {fault['id']}, mended in "
        f"{', '.join(fault['fix_versions']) or 'no version yet'}"
        for package in report["dependencies"]
        for fault in package.get("vulns", [])
    ]
    return faults, [package["name"] for package in report["dependencies"] if "skip_reason" in package]


def ask_for_faults() -> dict[str, Any]:
    """pip-audit's report on the lock file."""
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--progress-spinner",
        "off",
        "--disable-pip",
        "--require-hashes",
        "-r",
        str(LOCK),
        "-f",
        "json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {"dependencies": [{"name": package.name, "skip_reason": done.stderr[-200:]} for package in locked()]}
    return found


def write_bill(packages: list[Package], path: Path) -> None:
    """The bill of materials as CycloneDX JSON."""
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.license import DisjunctiveLicense
    from cyclonedx.output.json import JsonV1Dot6
    from packageurl import PackageURL

    bill = Bom()
    bill.metadata.component = Component(name="inferencebench", type=ComponentType.APPLICATION)
    for package in packages:
        licences = [DisjunctiveLicense(name=package.licence)] if package.licence else []
        purl = PackageURL("pypi", name=package.name, version=package.version)
        bill.components.add(
            Component(
                name=package.name,
                version=package.version,
                type=ComponentType.LIBRARY,
                purl=purl,
                licenses=licences,
                bom_ref=str(purl),
            )
        )
    path.parent.mkdir(exist_ok=True)
    path.write_text(JsonV1Dot6(bill).output_as_string(indent=1), encoding="utf-8")


def main() -> int:
    """Check, print the results, and write the bill of materials; the module's docstring explains the exit status."""
    packages = locked()
    odd = [package for package in packages if not package.agreed]
    faults, unchecked = judge(ask_for_faults())
    write_bill(packages, SBOM)
    for package in sorted(packages, key=lambda p: p.licence):
        print(
            f"{package.name:28} {package.version:16} "
            f"{package.licence or ('not installed on this platform' if not package.installed else 'NO LICENCE STATED')}"
        )
    for line in [f"licence not agreed to: {p.name}: {p.licence or 'none stated'}" for p in odd] + faults:
        print(line, file=sys.stderr)
    print(
        f"{len(packages)} locked dependencies, {len(odd)} with a licence to look at, {len(faults)} known faults in "
        f"{len(packages) - len(unchecked)} checked; bill of materials in {SBOM.relative_to(ROOT)}"
    )
    if unchecked:
        print(
            f"{len(unchecked)} of them could not be checked for faults: the database of faults did not answer",
            file=sys.stderr,
        )
    return 1 if odd or faults else 3 if unchecked else 0


if __name__ == "__main__":
    sys.exit(main())
