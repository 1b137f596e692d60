"""Fingerprints of data: equal values, equal SHA-256, on any machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import pandas as pd


def fingerprint_of(*parts: np.ndarray | pd.DataFrame | Iterable | str | None) -> str:
    """SHA-256, as hexadecimal, of arrays of numbers, tables, lists of ids or texts, and None."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray) and part.dtype.kind in "biuf":
            digest.update(f"array {part.dtype.str} {part.shape} ".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        elif isinstance(part, pd.DataFrame):
            digest.update(f"table {part.shape} {list(map(str, part))} ".encode())
            digest_columns(digest, part)
        elif part is None:
            digest.update(b"none ")
        else:
            texts = [part] if isinstance(part, str) else [str(value) for value in part]
            digest.update(f"texts {len(texts)} ".encode())
            for text in texts:
                encoded = text.encode("utf-8", "surrogatepass")
                digest.update(b"%d:" % len(encoded) + encoded)
    return digest.hexdigest()


def digest_columns(digest, table: pd.DataFrame) -> None:
    """Update a hash by the values of a table, column by column; its index does not count."""
    for name in table:
        series = table[name]
        if series.dtype == object:
            series = series.astype("category")
        digest.update(pd.util.hash_pandas_object(series, index=False).to_numpy().tobytes())
