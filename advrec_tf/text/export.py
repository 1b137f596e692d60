"""Writing a language-model tower to disk as a versioned SavedModel with strings in.

The graph tokenizes with operations of TensorFlow Text: in Python, import `tensorflow_text`
before `tf.saved_model.load`. `check_tower` runs it without Python's TensorFlow, as a model
server does. Recommenders are written by `export`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from advrec_tf.models.base import Recommender
from advrec_tf.ops.files import atomic_folder
from advrec_tf.serving import folder
from advrec_tf.serving.answers import Case, ExportCheckError
from advrec_tf.serving.check import run_in_child
from advrec_tf.text.language_model import LanguageModelTower

LIST_LENGTH = 10


class ServedTower(tf.Module):
    """A tower's variables and its signatures, without the Keras objects around them.

    Args:
        tower: text -> vector.
        items: a recommender with `item_vectors` in the tower's space, whose nearest items are
            served as well; None for vectors alone.

    Raises:
        ValueError: if its vectors are not as wide as the tower's.
    """

    def __init__(self, tower: LanguageModelTower, items: Recommender | None = None):
        super().__init__(name="served_language_tower")
        self.weights = list(tower.weights)
        self.tokenizer = tower.tokenizer
        self._vectors = tf.function(lambda text: {"vector": tower(text, training=False)})
        self._nearest = None
        if items is None:
            return
        vectors = np.asarray(items.item_vectors, np.float32)
        if vectors.shape[1] != tower.dim:
            raise ValueError(
                f"`items` should have vectors of {tower.dim} numbers. Received: {vectors.shape}."
            )
        unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        self.item_vectors = tf.Variable(unit, trainable=False, name="item_vectors")
        names = tf.constant([str(item) for item in items.interactions.items.ids])

        def nearest(text):
            given = tf.math.l2_normalize(tower(text, training=False), axis=-1)
            cosines = tf.matmul(given, self.item_vectors, transpose_b=True)
            score, index = tf.math.top_k(cosines, min(LIST_LENGTH, len(vectors)))
            return {"item_id": tf.gather(names, index), "score": score}

        self._nearest = tf.function(nearest)

    def signatures(self) -> dict:
        """As concrete functions:

        serving_default  text [batch] string -> vector [batch, dim] float32
        nearest_items    text [batch] string -> item_id [batch, k] string, score [batch, k]: the
                         k items of the highest cosine to the text, at most `LIST_LENGTH`
        """
        text = tf.TensorSpec([None], tf.string, "text")
        found = {"serving_default": self._vectors.get_concrete_function(text=text)}
        if self._nearest is not None:
            found["nearest_items"] = self._nearest.get_concrete_function(text=text)
        return found


def export_tower(
    tower: LanguageModelTower,
    directory: str | os.PathLike,
    *,
    items: Recommender | None = None,
    version: int | None = None,
) -> Path:
    """Write `tower` to `directory/version`, by default 1 + the highest there is.

    Args:
        items: see `ServedTower`.

    Raises:
        ValueError: if `version` is negative, or the vectors of `items` do not fit.
        FileExistsError: if the version exists; it is left as it is.
    """
    target = folder.version_path(directory, version)
    module = ServedTower(tower, items)
    with atomic_folder(target) as unfinished:
        tf.saved_model.save(module, os.fspath(unfinished), signatures=module.signatures())
    return target


def check_tower(
    path: str | os.PathLike,
    tower: LanguageModelTower,
    texts: Sequence[str],
    *,
    tolerance: float = 1e-4,
    timeout: float = 120.0,
) -> dict:
    """Ask the version at `path` for the vectors of `texts`, in a process without Python's
    TensorFlow, and compare.

    Returns:
        JSON values: texts, largest_difference (of one number), load_seconds, milliseconds (all
        texts in one request).

    Raises:
        ExportCheckError: if it does not load, fails, or a number differs by more than
            `tolerance`.
    """
    texts = list(texts)
    case = Case(title="vectors", signature="serving_default", inputs={"text": texts})
    answer = run_in_child(path, [case], timeout=timeout, text_ops=True)
    (result,) = answer["results"]
    if "error" in result:
        raise ExportCheckError(f"{path}, texts: {result['error']['message']}")
    served, own = np.array(result["outputs"]["vector"]), tower(tf.constant(texts)).numpy()
    difference = float(np.abs(served - own).max()) if served.shape == own.shape else np.inf
    if not difference <= tolerance:
        raise ExportCheckError(
            f"{path}, texts: vectors {served.shape} should be {own.shape} and differ by at most "
            f"{tolerance:g}. Served: a difference of {difference:g}."
        )
    return {
        "texts": len(texts),
        "largest_difference": difference,
        "load_seconds": answer["load_seconds"],
        "milliseconds": 1000 * result["seconds"],
    }
