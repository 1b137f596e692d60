"""The machine that figures were measured on: processor, cores, versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform

from advrec_tf._version import __version__


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


def versions() -> dict[str, str]:
    """Versions of this package, of Python and of what computes."""
    packages = ("tensorflow", "tensorflow-cpu", "tf-keras", "tensorflow-recommenders", "numpy")
    found = {"advrec_tf": __version__, "python": platform.python_version()}
    installed = {package: _version(package) for package in packages}
    return found | {package: version for package, version in installed.items() if version}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
