"""Writing a fraud scorer as a versioned SavedModel, and asking it through TensorFlow's C API.

The graph is `defence.online`'s, the layout of the folder that of `folder`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from advrec_tf._version import __version__
from advrec_tf.defence.online import OnlineScorer
from advrec_tf.ops.files import atomic_folder
from advrec_tf.serving import folder
from advrec_tf.serving.answers import Case, ExportCheckError
from advrec_tf.serving.check import run_in_child


def export_scorer(
    scorer: OnlineScorer,
    directory: str | os.PathLike,
    *,
    threshold: float,
    metadata: Mapping | None = None,
) -> Path:
    """Write `scorer` to the next version below `directory`; returns that version's folder.

    Beside the graph, `assets.extra/advrec_tf.json` notes versions, the names of the features and
    the score from which a profile counts as suspicious.
    """
    target = folder.version_path(directory, None)
    notes = {
        "versions": {"advrec_tf": __version__, "tensorflow": tf.__version__},
        "features": list(scorer.measure.names),
        "threshold": float(threshold),
        "metadata": dict(metadata or {}),
    }
    with atomic_folder(target) as unfinished:
        signatures = {"serving_default": scorer.score}
        tf.saved_model.save(scorer, os.fspath(unfinished), signatures=signatures)
        (unfinished / folder.METADATA).parent.mkdir()
        text = json.dumps(notes, indent=2, allow_nan=False) + "\n"
        (unfinished / folder.METADATA).write_text(text, encoding="utf-8")
    return target


def check_scorer(
    path: str | os.PathLike,
    scorer: OnlineScorer,
    profiles: Sequence[tuple[Sequence[str], Sequence[float]]],
    *,
    tolerance: float = 1e-5,
    timeout: float = 300.0,
) -> dict:
    """Score profiles by the version in `path` as a model server would, and by `scorer`.

    Args:
        profiles: item ids and ratings of each.
        tolerance: of a difference in suspicion.

    Returns:
        profiles, largest_difference, load_seconds and latency_us of one profile.

    Raises:
        ExportCheckError: if the version does not load, or answers differently.
    """
    inputs = profile_inputs(profiles)
    one = profile_inputs(profiles[:1])
    cases = [
        Case(title="all", signature="serving_default", inputs=inputs),
        Case(title="one", signature="serving_default", inputs=one, repeat=100),
    ]
    answer = run_in_child(path, cases, timeout=timeout)
    for case, result in zip(cases, answer["results"], strict=True):
        if result.get("error") is not None:
            raise ExportCheckError(f"{path} ({case.title}): {result['error']['message']}")
    served = np.array(answer["results"][0]["outputs"]["suspicion"], np.float64)
    expected = scorer.score(**{k: tf.constant(v) for k, v in inputs.items()})["suspicion"].numpy()
    if served.shape != expected.shape or np.abs(served - expected).max() > tolerance:
        raise ExportCheckError(
            f"{path} should score {len(profiles)} profiles as the model in memory. "
            f"Received {served[:3].tolist()} for {expected[:3].tolist()}."
        )
    return {
        "profiles": len(profiles),
        "largest_difference": float(np.abs(served - expected).max()),
        "load_seconds": answer["load_seconds"],
        "latency_us": answer["results"][1]["seconds"] * 1e6,
    }


def profile_inputs(profiles: Sequence[tuple[Sequence[str], Sequence[float]]]) -> dict[str, list]:
    """Profiles as the inputs of the signature: `profile`, `item_id`, `rating`, an entry a row."""
    return {
        "profile": [p for p, (ids, _) in enumerate(profiles) for _ in ids],
        "item_id": [str(i) for ids, _ in profiles for i in ids],
        "rating": [float(r) for _, ratings in profiles for r in ratings],
    }
