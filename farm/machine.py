"""The machine that a figure was measured on."""

import os
import platform
from pathlib import Path


def describe() -> dict[str, object]:
    """Cores, memory, processor and kernel; no name of the machine."""
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "processor": cpu,
        "kernel": platform.release().split("-")[0],
        "python": platform.python_version(),
    }
