"""Vectors of many texts from a language-model tower, computed once and kept on disk.

The name of a file is the SHA-256 of everything its content depends on: weights, settings,
vocabulary and texts. A tower that has trained on finds no stale vectors.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from advrec_tf.ops.files import atomic_file
from advrec_tf.text.language_model import LanguageModelTower


def encode_texts(
    tower: LanguageModelTower,
    texts: Sequence[str],
    *,
    cache: str | os.PathLike | None = None,
    batch_size: int = 64,
    progress: bool = True,
) -> np.ndarray:
    """The vector of every text, [n, dim] float32, in the order of `texts`.

    Equal texts are computed once, and texts of about the same length together.

    Args:
        cache: folder of kept results, made where it is missing; None keeps nothing.
        batch_size: texts at a time; it changes results by rounding only and is no part of
            the key.
        progress: a line on stderr with the share done and texts per second.

    Raises:
        ValueError: if `batch_size` is < 1, or a text is no string.
    """
    if not batch_size >= 1:
        raise ValueError(f"`batch_size` should be >= 1. Received: {batch_size!r}.")
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"`texts` should hold strings. Received: {text!r} at {place}.")
    path = None
    if cache is not None:
        path = Path(cache, f"{_digest(fingerprint(tower).encode(), _lines(texts))}.npy")
        kept = _read(path, (len(texts), tower.dim))
        if kept is not None:
            return kept
    unique = sorted(set(texts), key=lambda text: (len(text), text))
    vectors = np.zeros([len(unique), tower.dim], np.float32)

    began, truncated = time.perf_counter(), 0
    for start in range(0, len(unique), batch_size):
        batch = unique[start : start + batch_size]
        vectors[start : start + batch_size], cut = tower.encode(tf.constant(batch))
        truncated += int(cut)
        if progress:
            done = start + len(batch)
            rate = done / (time.perf_counter() - began)
            line = f"\rtexts {done}/{len(unique)}, {rate:.0f}/s, {truncated} cut"
            print(line, end="\n" if done == len(unique) else "", file=sys.stderr, flush=True)
    place = {text: i for i, text in enumerate(unique)}
    result = vectors[[place[text] for text in texts]]
    if path is not None:
        _write(path, result)
    return result


def fingerprint(tower: LanguageModelTower) -> str:
    """SHA-256, as hexadecimal, of the tower's weights, settings and vocabulary."""
    backbone, tokenizer = tower.language_model.backbone, tower.tokenizer.tokenizer
    config = {
        "backbone": type(backbone).__name__,
        "backbone_config": _without_names(backbone.get_config()),
        "tokenizer": type(tokenizer).__name__,
        "tokenizer_config": _without_names(tokenizer.get_config()),
        "vocabulary": tokenizer.get_vocabulary(),
        "merges": getattr(tokenizer, "merges", None),
        "max_length": tower.tokenizer.max_length,
        "pooling": tower.pooling,
        "normalize": tower.normalize,
    }
    weights = list(tower.language_model.named_weights().values())
    weights += [] if tower.projection is None else tower.projection.weights
    return _digest(json.dumps(config, sort_keys=True, default=str).encode(), _bytes_of(weights))


def _without_names(config: dict) -> dict:
    """Names are counted up within a process, and say nothing about the result."""
    return {key: value for key, value in config.items() if key not in ("name", "trainable")}


def _bytes_of(weights: Sequence[tf.Variable]) -> Iterable[bytes]:
    for weight in weights:
        yield f"{weight.dtype.name} {weight.shape}".encode()
        yield np.ascontiguousarray(weight.numpy()).tobytes()


def _lines(texts: Sequence[str]) -> Iterable[bytes]:
    for text in texts:
        encoded = text.encode("utf-8")
        yield b"%d:" % len(encoded)  # so that "a", "b" differs from "ab"
        yield encoded


def _digest(first: bytes, parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256(first)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _read(path: Path, shape: tuple[int, int]) -> np.ndarray | None:
    """What is kept, or None where there is nothing or it is damaged."""
    try:
        kept = np.load(path, allow_pickle=False)
    except (FileNotFoundError, ValueError, EOFError):
        return None
    return kept if kept.shape == shape and kept.dtype == np.float32 else None


def _write(path: Path, vectors: np.ndarray) -> None:
    with atomic_file(path, overwrite=True) as unfinished:
        np.save(unfinished, vectors)
