"""A language-model tower as a served graph: texts in, vectors and nearest items out.

The graph tokenizes with operations of TensorFlow Text: in Python, import `tensorflow_text` before
`tf.saved_model.load`. Writing and checking is left to `serving.saved_model`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from advrec_tf.models.base import Recommender
from advrec_tf.serving.lists import NO_ITEM
from advrec_tf.serving.module import Case, ServedModule, Values, frozen
from advrec_tf.text.language_model import LanguageModelTower

LIST_LENGTH = 10

MAX_TEXTS = 4096
"""Texts that a request may hold: each costs the language model some milliseconds."""

_TEXTS = ("", " ", "a quiet film about the sea", "Amélie", "cooking at home " * 100)


class ServedTower(ServedModule):
    """A tower's variables and its signatures, without the Keras objects around them.

    serving_default  text [batch] string -> vector [batch, dim] float32
    nearest_items    text [batch] string -> item_id [batch, k] string, score [batch, k]: the k
                     items of the highest cosine to the text, at most `LIST_LENGTH`

    Args:
        tower: text -> vector.
        items: a recommender with `item_vectors` in the tower's space, whose nearest items are
            served as well; None for vectors alone.
        texts: what the check asks for, besides an empty, a blank and a long text.

    Raises:
        ValueError: if the vectors of `items` are not as wide as the tower's.
    """

    max_batch = MAX_TEXTS
    text_ops = True

    def __init__(
        self,
        tower: LanguageModelTower,
        items: Recommender | None = None,
        *,
        texts: Sequence[str] = (),
    ):
        super().__init__(name="served_language_tower")
        self.weights = list(tower.weights)
        self.tokenizer = tower.tokenizer
        self.item_vectors = None
        # Behind a function, so that Keras is not saved.
        self._in_memory = lambda: (tower, [*texts, *_TEXTS][:MAX_TEXTS])
        if items is None:
            return
        vectors = items.item_vectors
        vectors = np.asarray(vectors() if callable(vectors) else vectors, np.float32)
        if vectors.shape[1] != tower.dim:
            raise ValueError(
                f"`items` should have vectors of {tower.dim} numbers. Received: {vectors.shape}."
            )
        unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        self.item_vectors = frozen(unit, "item_vectors")
        self.item_ids = tf.constant([str(item) for item in items.interactions.items.ids])

    def serving_default(self, text):
        tower, _ = self._in_memory()
        return {"vector": tower(text, training=False)}

    def nearest_items(self, text):
        given = tf.math.l2_normalize(self.serving_default(text)["vector"], axis=-1)
        cosines = tf.matmul(given, self.item_vectors, transpose_b=True)
        score, index = tf.math.top_k(cosines, min(LIST_LENGTH, self.item_vectors.shape[0]))
        return {"item_id": tf.gather(self.item_ids, index), "score": score}

    def inputs(self):
        text = {"text": tf.TensorSpec([None], tf.string)}
        found = {"serving_default": text}
        return found if self.item_vectors is None else {**found, "nearest_items": text}

    def notes(self):
        tower, _ = self._in_memory()
        return {"kind": "text tower", "dim": tower.dim, "max_batch": self.max_batch}

    def warmup(self):
        return {name: {"text": tf.constant([NO_ITEM])} for name in self.inputs()}

    def cases(self):
        tower, texts = self._in_memory()
        vectors = np.asarray(tower(tf.constant(texts), training=False))
        cases = [
            Case(
                title="vectors",
                signature="serving_default",
                inputs={"text": texts},
                expected=Values({"vector": vectors}),
            ),
            Case(
                title="one text",
                signature="serving_default",
                inputs={"text": texts[:1]},
                expected=Values({"vector": vectors[:1]}),
                repeat=10,
            ),
        ]
        if self.item_vectors is not None:
            unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
            cosines = -np.sort(-(unit @ self.item_vectors.numpy().T), axis=1)
            scores = cosines[:, : min(LIST_LENGTH, cosines.shape[1])]
            cases.append(
                Case(
                    title="nearest items",
                    signature="nearest_items",
                    inputs={"text": texts},
                    expected=Values({"score": scores}),
                )
            )
        return cases
