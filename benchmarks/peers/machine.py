"""What a reader has to know about the machine to read the figures."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path


def facts() -> dict[str, str | int | float]:
    """CPU, cores (all, and those that this process may use), memory, kernel, system, Python, load, date (UTC)."""
    return {
        "cpu": _first_field("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "virtual": "hypervisor" in (_first_field("/proc/cpuinfo", "flags") or "").split(),
        "cores": os.cpu_count() or 1,
        "cores_allowed": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "system": _system(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _first_field(file: str, name: str) -> str | None:
    for line in Path(file).read_text(errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return None


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.system()
