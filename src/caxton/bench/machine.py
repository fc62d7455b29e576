"""What one has to know about the machine to read the figures."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import caxton
from caxton.bench.cores import cores

_PACKAGES = ("wasmtime", "extism", "extism-sys", "ziglang")


def facts() -> dict[str, Any]:
    """Processor, cores that this process may use, memory, system, versions, the load of the last minute, the time."""
    return {
        "processor": _processor(),
        "architecture": platform.machine(),
        "cores": cores(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "virtual": "hypervisor" in (_cpuinfo("flags") or "").split(),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "caxton": caxton.__version__,
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
        "load_before": load(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def load() -> float:
    """Processes that ran or wanted to, on average over the last minute."""
    return round(os.getloadavg()[0], 2)


def _processor() -> str:
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _cpuinfo(name: str) -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == name), None)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
