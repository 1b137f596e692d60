"""The machine that figures were measured on: processor, cores, versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform


def machine() -> dict:
    """Processor, cores, versions and thread limits, as JSON values; loads no TensorFlow."""
    threads = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count())
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": len(cores),
        "python": platform.python_version(),
        "tensorflow": _version("tensorflow") or _version("tensorflow-cpu"),
        **{name: os.environ[name] for name in threads if name in os.environ},
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
