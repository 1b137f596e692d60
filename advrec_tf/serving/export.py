"""Writing a recommender to disk as a versioned SavedModel, ready for TensorFlow Serving.

The graph is written in `served`, the folder's layout in `folder`. Whether the written model
answers like the one in memory is found out by `check`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf

from advrec_tf._version import __version__
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.ops.files import atomic_folder
from advrec_tf.serving import folder, warmup
from advrec_tf.serving.served import ServedRecommender


def export(
    recommender: VectorRecommender,
    directory: str | os.PathLike,
    *,
    k: int = 10,
    max_k: int = 100,
    version: int | None = None,
    metadata: Mapping | None = None,
) -> Path:
    """Write `recommender` to `directory/version`.

    Beside the graph stand, in `assets.extra`: `advrec_tf.json` (versions, fingerprint of the
    data, sizes, signatures and `metadata`), warm-up requests, and `item_text.tsv` where the
    interactions have item texts.

    Args:
        directory: the model's folder; its name is the model's name in warm-up requests.
        k: length of a list where the request names none.
        max_k: longest list a request may ask for.
        version: >= 0; by default 1 + the highest there is.
        metadata: what the caller wants to remember, as JSON values.

    Returns:
        The folder of the new version.

    Raises:
        ValueError: if `k`, `max_k` or `version` is out of range, ids collide after `str`, or
            `metadata` is not JSON.
        FileExistsError: if the version exists; it is left as it is.
    """
    target = folder.version_path(directory, version)
    data = recommender.interactions
    module = ServedRecommender(recommender, k=k, max_k=max_k)
    signatures = module.signatures()
    notes = json.dumps(_notes(recommender, module, signatures, metadata), indent=2)
    with atomic_folder(target) as unfinished:
        tf.saved_model.save(module, os.fspath(unfinished), signatures=signatures)
        (unfinished / folder.METADATA).parent.mkdir()
        (unfinished / folder.METADATA).write_text(notes + "\n", encoding="utf-8")
        warmup.write_requests(unfinished / folder.WARMUP, target.parent.name, _requests(data, k))
        if data.item_text is not None:
            ids = [str(item) for item in data.items.ids]
            folder.write_item_text(unfinished / folder.ITEM_TEXT, ids, data.item_text)
    return target


def _notes(recommender, module, signatures, metadata) -> dict:
    metadata = dict(metadata or {})
    try:
        json.dumps(metadata, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`metadata` should hold JSON values: {error}.") from error
    return {
        "versions": {"advrec_tf": __version__, "tensorflow": tf.__version__},
        "data_fingerprint": recommender.interactions.fingerprint(),
        "k": module.k,
        "max_k": module.max_k,
        "num_users": module.num_users,
        "num_items": module.num_items,
        "dim": int(module.item_vectors.shape[1]),
        "signatures": {
            name: {
                "inputs": _specs({s.name: s for s in function.structured_input_signature[0]}),
                "outputs": _specs(function.structured_outputs),
            }
            for name, function in signatures.items()
        },
        "metadata": metadata,
    }


def _specs(specs: Mapping[str, tf.TensorSpec]) -> dict:
    return {
        name: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
        for name, spec in specs.items()
    }


def _requests(data: Interactions, k: int) -> dict[str, dict[str, tf.Tensor]]:
    """One request a signature, for the first user and item."""
    user_id = tf.constant([str(user) for user in data.users.ids[:1]], tf.string)
    item_id = tf.constant([str(item) for item in data.items.ids[:1]], tf.string)
    return {
        "serving_default": {"user_id": user_id},
        "recommend": {
            "user_id": user_id,
            "k": tf.constant(k),
            "exclude_item_id": tf.constant([], tf.string),
        },
        "score": {"user_id": user_id, "item_id": item_id},
        "recommend_index": {"user_index": tf.constant([0])},
    }
