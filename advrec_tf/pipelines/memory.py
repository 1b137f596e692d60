"""The largest resident memory of a process."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

_HIGH_WATER = re.compile(r"^VmHWM:\s*(\d+) kB$", re.MULTILINE)


def peak_memory() -> float:
    """Largest resident memory of this process so far, in units of 2^20 bytes."""
    try:
        # Linux counts the parent's memory at the start into ru_maxrss, but not into this one.
        return int(_HIGH_WATER.search(Path("/proc/self/status").read_text())[1]) / 2**10
    except (OSError, TypeError):  # no such file, or no such line
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
