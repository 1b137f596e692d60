"""Writing a language-model tower to disk as a versioned SavedModel with strings in.

The graph tokenizes with operations of TensorFlow Text: in Python, import `tensorflow_text`
before `tf.saved_model.load`. Recommenders are written by `export`.
"""

from __future__ import annotations

import os
from pathlib import Path

import tensorflow as tf

from advrec_tf.models.language_model import LanguageModelTower
from advrec_tf.serving import folder


class ServedTower(tf.Module):
    """A tower's variables and its one signature, without the Keras objects around them."""

    def __init__(self, tower: LanguageModelTower):
        super().__init__(name="served_language_tower")
        self.weights = list(tower.weights)
        self.tokenizer = tower.tokenizer
        self._vectors = tf.function(lambda text: {"vector": tower(text, training=False)})

    def serving_default(self):
        """text [batch] string -> vector [batch, dim] float32, as a concrete function."""
        return self._vectors.get_concrete_function(text=tf.TensorSpec([None], tf.string, "text"))


def export_tower(
    tower: LanguageModelTower, directory: str | os.PathLike, *, version: int | None = None
) -> Path:
    """Write `tower` to `directory/version`, by default 1 + the highest there is.

    Raises:
        ValueError: if `version` is negative.
        FileExistsError: if the version exists; it is left as it is.
    """
    target = folder.version_path(directory, version)
    module = ServedTower(tower)
    signatures = {"serving_default": module.serving_default()}
    with folder.written_whole(target) as unfinished:
        tf.saved_model.save(module, os.fspath(unfinished), signatures=signatures)
    return target
