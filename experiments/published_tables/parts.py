"""Trained parts that several rows of a table build on, each trained once a run.

APR and its controls start from one MF-BPR; two blends share an autoencoder with their own
rows. What a part is called is left to those who train it.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from advrec_tf.ops.files import atomic_file

Part = tuple[list[np.ndarray], float]


@dataclasses.dataclass
class Parts:
    """name -> (weights, seconds of training), in memory and, with a folder, on disk as well.

    Attributes:
        folder: shared by the processes of a run; None keeps parts for this process alone.
    """

    folder: Path | None = None
    held: dict[str, Part] = dataclasses.field(default_factory=dict)

    def get(self, name: str, compute: Callable[[], Part]) -> Part:
        """The part of that name, or else `compute()`, kept."""
        if name not in self.held:
            if self.folder is not None and self._path(name).exists():
                self.held[name] = _read(self._path(name))
            else:
                self.put(name, *compute())
        return self.held[name]

    def put(self, name: str, weights: Sequence[np.ndarray], seconds: float) -> None:
        self.held[name] = list(weights), seconds
        if self.folder is None:
            return
        with atomic_file(self._path(name), overwrite=True) as unfinished:
            np.savez(unfinished, *weights, seconds=seconds)

    def _path(self, name: str) -> Path:
        return self.folder / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.npz"


def _read(path: Path) -> Part:
    with np.load(path, allow_pickle=False) as stored:
        weights = [stored[f"arr_{i}"] for i in range(len(stored.files) - 1)]
        return weights, float(stored["seconds"])
