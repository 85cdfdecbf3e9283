"""Which accelerators the machines of three clouds hold, and how many: their price lists name the machine alone.

``aws_types.csv`` after Amazon's pages of accelerated instance types, ``azure_sizes.csv`` after Microsoft's pages of
the N-series, ``gcp_machines.csv`` after Google's page of GPU machine types. A count may be a share of a card.
"""

import csv
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    """What a machine holds. ``gpu`` is a spelling that the catalogue knows, ``gpu_count`` a number or ``1/2``;
    ``vcpus`` and ``ram_gb`` are empty where the table does not say."""

    gpu: str
    gpu_count: str
    vcpus: str = ""
    ram_gb: str = ""


def _read(name: str, key: str) -> dict[str, Machine]:
    with Path(__file__).with_name(name).open(encoding="utf-8", newline="") as file:
        return {
            row[key]: Machine(row["gpu"], row["gpu_count"], row.get("vcpus", ""), row.get("ram_gb", ""))
            for row in csv.DictReader(file)
        }


@cache
def aws_types() -> dict[str, Machine]:
    """Instance type → what it holds."""
    return _read("aws_types.csv", "type")


@cache
def azure_sizes() -> dict[str, Machine]:
    """Size → what it holds."""
    return _read("azure_sizes.csv", "size")


@cache
def gcp_machines() -> dict[str, Machine]:
    """Machine type → what it holds."""
    return _read("gcp_machines.csv", "machine")


def not_on_demand(cloud: str, machine: str, tier: str) -> str:
    """Why a machine of a price list can't be rented on demand; empty where it can, after Google's page of machines."""
    if cloud == "gcp" and tier == "on-demand" and re.fullmatch(r"a3-highgpu-[124]g", machine):
        return "Google sells this machine as spot and through calendar mode only, not on demand"
    return ""
