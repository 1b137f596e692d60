"""A content recommender as a SavedModel: text in, list of items out.

The graph holds the language model with its tokenizer, the fusion networks of both towers and
the vectors of the catalogue, behind four signatures:

    serving_default   text [batch] -> lists, for users who are a sentence about what they like
    recommend_items   item_id [n] -> one list, for a user who is a few known items
    recommend         user_id [batch] -> lists, for known users, without what they have
    score_text        user_id [batch], text [batch] -> the score of an item nobody has seen

Recommenders without texts are written by `export`. A process that loads it needs the operations
of TensorFlow Text: in Python, `import tensorflow_text` first.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from advrec_tf._version import __version__
from advrec_tf.data.histories import Histories
from advrec_tf.models.content.modalities import HISTORY
from advrec_tf.models.content.two_tower import ContentTwoTower
from advrec_tf.ops.files import atomic_folder
from advrec_tf.serving import folder
from advrec_tf.serving.served import LOWEST, NO_ITEM, frozen, lookup_table, text_ids
from advrec_tf.text.language_model import LanguageModelTower


class ServedContent(tf.Module):
    """The variables and tables behind the signatures.

    Args:
        model: its user tower reads histories of the text modality `text`.
        encoder: makes the vectors of that modality, as it did for training.
        text: name of the item modality that texts are vectors of.
        k: length of a list, >= 1.

    Raises:
        ValueError: if a tower cannot take a text, the widths differ, or `k` is < 1.
    """

    def __init__(
        self,
        model: ContentTwoTower,
        encoder: LanguageModelTower,
        *,
        text: str = "text",
        k: int = 10,
    ):
        super().__init__(name="served_content")
        if k < 1:
            raise ValueError(f"`k` should be >= 1. Received: {k!r}.")
        for tower, name in ((model.user_tower, HISTORY), (model.item_tower, text)):
            if name not in tower.names:
                raise ValueError(
                    f"`model` should have a {tower.name} that takes {name!r}. "
                    f"Received one of {list(tower.names)}."
                )
            width = tower.fusion.input[name].shape[-1]
            if width != encoder.dim:
                raise ValueError(
                    f"`encoder` should make vectors of {width} numbers. Received: {encoder.dim}."
                )
        data = model.interactions
        self.k, self.num_items = k, data.num_items
        self._towers = (lambda: (model.user_tower, model.item_tower, encoder),)
        self.weights = [
            *encoder.weights,
            *model.user_tower.fusion.weights,
            *model.item_tower.fusion.weights,
        ]
        self.tokenizer = encoder.tokenizer
        self.text = text
        self.temperature = float(model.temperature)
        unknown = np.zeros([1, model.user_tower.dim], np.float32)
        self.user_vectors = frozen(np.concatenate([model.user_vectors(), unknown]), "user_vectors")
        self.item_vectors = frozen(model.item_vectors(), "item_vectors")
        history = model.user_tower.sources[HISTORY]
        self.history_items = frozen(history.items.numpy(), "history_items")
        self.history_present = frozen(history.present.numpy(), "history_present")
        self.histories = Histories(data.by_user())
        self.histories.items = frozen(self.histories.items, "seen_items")
        self.histories.row_splits = frozen(self.histories.row_splits, "seen_row_splits")
        item_ids = text_ids(data.items.ids, "items")
        self.users = lookup_table(text_ids(data.users.ids, "users"), default=data.num_users)
        self.items = lookup_table(item_ids, default=-1)
        self.item_ids = tf.constant([*item_ids, NO_ITEM])

    def serving_default(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """text [batch] string -> item_id [batch, k] string, score [batch, k] float32.

        An empty text gets an empty list: `NO_ITEM` with the score `LOWEST`.
        """
        scores = self._scores(self._users_of({HISTORY: self._encode(text)}))
        return self._best(tf.where(_is_empty(text)[:, None], LOWEST, scores))

    def recommend_items(self, item_id: tf.Tensor) -> dict[str, tf.Tensor]:
        """item_id [n] string, one user's items -> item_id [1, k], score [1, k].

        Unknown ids are ignored; where none is known, or none has a text, the list is empty.
        """
        index = self.items.lookup(item_id)
        index = tf.boolean_mask(index, index >= 0)
        present = tf.gather(self.history_present, index)
        count = tf.reduce_sum(present)
        total = tf.reduce_sum(present * tf.gather(self.history_items, index), axis=0)
        scores = self._scores(self._users_of({HISTORY: (total / tf.maximum(count, 1.0))[None]}))
        places = tf.stack([tf.zeros_like(index), index], axis=1)
        taken = tf.scatter_nd(places, tf.ones_like(index), [1, self.num_items]) > 0
        return self._best(tf.where(taken | (count == 0), LOWEST, scores))

    def recommend(self, user_id: tf.Tensor) -> dict[str, tf.Tensor]:
        """user_id [batch] string -> item_id [batch, k], score [batch, k]; an unknown user gets
        an empty list."""
        index = self.users.lookup(user_id)
        scores = self._scores(tf.gather(self.user_vectors, index))
        seen = self.histories.pairs(index)
        lowest = tf.fill(tf.shape(seen)[:1], LOWEST)
        scores = tf.tensor_scatter_nd_update(scores, seen, lowest)
        unknown = index == tf.shape(self.user_vectors)[0] - 1
        return self._best(tf.where(unknown[:, None], LOWEST, scores))

    def score_text(self, user_id: tf.Tensor, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """user_id, text [batch] string -> score [batch] float32, of an item with that text.

        InvalidArgumentError if the lengths differ; 0 for an unknown user or an empty text.
        """
        same_length = tf.debugging.Assert(
            tf.equal(tf.size(user_id), tf.size(text)),
            ["`user_id` and `text` should have the same length. Received:"]
            + [tf.size(user_id), tf.size(text)],
        )
        with tf.control_dependencies([same_length]):
            users = tf.gather(self.user_vectors, self.users.lookup(user_id))
        _, item_tower, _ = self._towers[0]()
        items = item_tower.embed({self.text: self._encode(text)})
        scores = tf.reduce_sum(users * items, axis=-1)
        return {"score": tf.where(_is_empty(text), 0.0, scores)}

    def signatures(self) -> dict[str, Callable]:
        """The functions traced for the shapes they promise, by name."""
        inputs = {
            "serving_default": ["text"],
            "recommend_items": ["item_id"],
            "recommend": ["user_id"],
            "score_text": ["user_id", "text"],
        }
        return {
            signature: tf.function(getattr(self, signature)).get_concrete_function(
                **{name: tf.TensorSpec([None], tf.string, name) for name in names}
            )
            for signature, names in inputs.items()
        }

    def _encode(self, text: tf.Tensor) -> tf.Tensor:
        _, _, encoder = self._towers[0]()
        return encoder(text, training=False)

    def _users_of(self, given: dict[str, tf.Tensor]) -> tf.Tensor:
        user_tower, _, _ = self._towers[0]()
        return user_tower.embed(given) / self.temperature

    def _scores(self, users: tf.Tensor) -> tf.Tensor:
        return tf.matmul(users, self.item_vectors, transpose_b=True)

    def _best(self, scores: tf.Tensor) -> dict[str, tf.Tensor]:
        available = min(self.k, self.num_items)
        best, index = tf.math.top_k(scores, available)
        beyond = [[0, 0], [0, self.k - available]]
        best = tf.pad(best, beyond, constant_values=LOWEST)
        index = tf.pad(index, beyond, constant_values=self.num_items)
        place = tf.where(best > LOWEST, index, self.num_items)
        return {"item_id": tf.gather(self.item_ids, place), "score": best}


def _is_empty(text: tf.Tensor) -> tf.Tensor:
    return tf.equal(tf.strings.strip(text), "")


def export_content(
    model: ContentTwoTower,
    encoder: LanguageModelTower,
    directory: str | os.PathLike,
    *,
    text: str = "text",
    k: int = 10,
    version: int | None = None,
) -> Path:
    """Write both to `directory/version`, by default 1 + the highest there is.

    Raises:
        ValueError: as `ServedContent`; if `version` is negative.
        FileExistsError: if the version exists; it is left as it is.
    """
    target = folder.version_path(directory, version)
    module = ServedContent(model, encoder, text=text, k=k)
    data = model.interactions
    notes = {
        "versions": {"advrec_tf": __version__, "tensorflow": tf.__version__},
        "data_fingerprint": data.fingerprint(),
        "k": k,
        "num_users": data.num_users,
        "num_items": data.num_items,
        "needs": "the operations of TensorFlow Text",
    }
    with atomic_folder(target) as unfinished:
        tf.saved_model.save(module, os.fspath(unfinished), signatures=module.signatures())
        (unfinished / folder.METADATA).parent.mkdir()
        (unfinished / folder.METADATA).write_text(json.dumps(notes, indent=2) + "\n")
        if data.item_text is not None:
            ids = [str(item) for item in data.items.ids]
            folder.write_item_text(unfinished / folder.ITEM_TEXT, ids, data.item_text)
    return target
