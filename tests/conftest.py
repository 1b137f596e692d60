"""Fixtures shared by all rooms."""

import os
from pathlib import Path

import pytest

import advrec_tf  # noqa: F401  (before any tf.keras: it selects Keras 2)

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The directory of published data sets: ADVREC_DATA, else ../shared/data beside the
    repository. Tests that need it are skipped where it is absent."""
    root = Path(os.environ.get("ADVREC_DATA") or REPOSITORY.parent / "shared" / "data")
    if not root.is_dir():
        pytest.skip(f"no published data sets in {root} (set ADVREC_DATA to their directory)")
    return root
