"""The served ranking tower: candidates in order for a user in a context.

Vectors of users and items are computed at export, but for those of composed ids, whose towers stay;
the tower of the context and the head run in the graph, on raw values as a client has them. A user,
an item or a category that the model does not know is served, and said.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.features import Categorized
from advrec_tf.models.compositional import holds_composed_ids
from advrec_tf.models.ranking import RankingModel
from advrec_tf.models.towers import in_blocks
from advrec_tf.serving.lists import LOWEST, NO_ITEM
from advrec_tf.serving.module import (
    REPEATS,
    Case,
    ServedModule,
    Values,
    frozen,
    lookup_table,
    text_ids,
)
from advrec_tf.serving.unknown_values import unknown_columns

MAX_PAIRS = 2**20
"""Pairs of a user and a candidate that one request may hold."""

_SAMPLE = 64


class ServedRanking(ServedModule):
    """Signatures; the columns of the context are inputs under their names (`Column.input_name`),
    [batch] or [batch, width] each, in all of them.

    score  user_id [batch], item_id [batch] -> score [batch] float32, known_user and known_item
           [batch] bool
    rank   user_id [batch], item_id [batch, n] padded with "" -> item_id [batch, n] in the order of
           their scores, score [batch, n] float32, known_user [batch] bool; unknown items and
           padding stand at the end as "" with the score `LOWEST`; also as serving_default

    Where a column has categories both answer with unknown_columns [batch, n] string, too, see
    `unknown_values`.

    Scores are ratings, or probabilities of a click. An unknown user has the mean vector of users,
    an unknown item that of items; a missing value of the context is "", or NaN.

    Args:
        model: a trained ranking model.

    Raises:
        ValueError: if ids collide after `str`, or two inputs have one name.
    """

    max_batch = MAX_PAIRS

    def __init__(self, model: RankingModel):
        super().__init__(name="served_ranking")
        data = model.interactions
        self.columns = () if model.contexts is None else model.contexts.columns
        names = ["user_id", "item_id", *(column.input_name for column in self.columns)]
        if len(set(names)) < len(names):
            raise ValueError(
                "The columns of the context should have names of their own in a request, other "
                f"than `user_id` and `item_id`. Received: {', '.join(names[2:])}."
            )
        self.user_vectors = _Vectors(model.user_tower, data.num_users, "user_vectors")
        self.item_vectors = _Vectors(model.item_tower, data.num_items, "item_vectors")
        self.users = lookup_table(text_ids(data.users.ids, "users"), default=data.num_users)
        self.items = lookup_table(text_ids(data.items.ids, "items"), default=data.num_items)
        self.num_users, self.num_items = data.num_users, data.num_items
        self.head, self.offset = model.head, model.offset
        self.context_tower = model.context_tower
        self._tables = [column.table for column in self.columns if hasattr(column, "table")]
        self.clicks = model.objective == "clicks"
        self._in_memory = lambda: model

    # The signatures.

    def serving_default(self, user_id, item_id, **context):
        return self.rank(user_id, item_id, **context)

    def score(self, user_id, item_id, **context):
        user, item = self.users.lookup(user_id), self.items.lookup(item_id)
        asked, unknown = self._joined(user, context)
        pairs = tf.concat([asked, self.item_vectors(item)], 1)
        return {
            "score": self._scores(pairs),
            "known_user": user < self.num_users,
            "known_item": item < self.num_items,
            **unknown,
        }

    def rank(self, user_id, item_id, **context):
        candidates = tf.shape(item_id)[1]
        fits = tf.debugging.Assert(
            tf.size(item_id) <= MAX_PAIRS,
            [f"A request should hold at most {MAX_PAIRS} candidates. Received:", tf.size(item_id)],
        )
        with tf.control_dependencies([fits]):
            item = self.items.lookup(item_id)
        user = self.users.lookup(user_id)
        asked, unknown = self._joined(user, context)
        asked = tf.repeat(asked, candidates, axis=0)
        vectors = self.item_vectors(tf.reshape(item, [-1]))
        scores = tf.reshape(self._scores(tf.concat([asked, vectors], 1)), tf.shape(item))
        known = item < self.num_items
        scores = tf.where(known, scores, LOWEST)
        order = tf.argsort(scores, axis=1, direction="DESCENDING", stable=True)
        served = tf.where(known, item_id, NO_ITEM)
        return {
            "item_id": tf.gather(served, order, batch_dims=1),
            "score": tf.gather(scores, order, batch_dims=1),
            "known_user": user < self.num_users,
            **unknown,
        }

    def inputs(self):
        context = {column.input_name: column.spec() for column in self.columns}
        ids, lists = tf.TensorSpec([None], tf.string), tf.TensorSpec([None, None], tf.string)
        ranked = {"user_id": ids, "item_id": lists, **context}
        score = {"user_id": ids, "item_id": ids, **context}
        return {"serving_default": ranked, "rank": ranked, "score": score}

    # Their parts.

    def _joined(
        self, user: tf.Tensor, context: dict[str, tf.Tensor]
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """[batch, dim] of users and, after it, of their contexts where the model has them; and the
        output of `unknown_values.unknown_columns`."""
        parts, strange = [self.user_vectors(user)], {}
        if self.columns:
            encoded = {c.name: c.encode(context[c.input_name]) for c in self.columns}
            parts.append(self.context_tower(encoded))
            strange = {
                c.input_name: c.unknown(context[c.input_name], encoded[c.name])
                for c in self.columns
                if isinstance(c, Categorized)
            }
        return tf.concat(parts, 1), unknown_columns(strange)

    def _scores(self, pairs: tf.Tensor) -> tf.Tensor:
        """User, context and item vectors side by side -> [pairs], as the head has them: user,
        item, context."""
        width = self.item_vectors.width
        user, context, item = pairs[:, :width], pairs[:, width:-width], pairs[:, -width:]
        found = self.head(tf.concat([user, item, context], 1)) + self.offset
        return tf.sigmoid(found) if self.clicks else found

    # What an export needs besides.

    def notes(self):
        data = self._in_memory().interactions
        return {
            "kind": "ranking of clicks" if self.clicks else "ranking by ratings",
            "data_fingerprint": data.fingerprint(),
            "num_users": self.num_users,
            "num_items": self.num_items,
            "context": [{"input": c.input_name, **c.as_dict()} for c in self.columns],
        }

    def warmup(self):
        user_id, item_id, context = self._sample(1)
        inputs = {"user_id": tf.constant(user_id), "item_id": tf.constant(item_id)}
        inputs |= {
            c.input_name: tf.constant(context[c.name], c.dtype, context[c.name].shape)
            for c in self.columns
        }
        ranked = {**inputs, "item_id": inputs["item_id"][:, None]}
        return {"serving_default": ranked, "rank": ranked, "score": inputs}

    def _sample(self, size: int) -> tuple[list[str], list[str], dict[str, np.ndarray]]:
        """Ids and raw contexts of training interactions, evenly spaced."""
        data = self._in_memory().interactions
        rows = np.linspace(0, len(data) - 1, min(size, len(data))).astype(int)
        users = [str(user) for user in data.users.ids[data.user_index[rows]]]
        items = [str(item) for item in data.items.ids[data.item_index[rows]]]
        table = data.context.iloc[rows] if self.columns else None
        raw = {c.name: c.raw(table[c.name]) for c in self.columns}
        return users, items, raw

    def cases(self):
        """Pairs of the training interactions, unknown ids and an unknown context."""
        model = self._in_memory()
        data = model.interactions
        users, items, raw = self._sample(_SAMPLE)
        expected = self._expected(users, items, raw)
        inputs = {"user_id": users, "item_id": items, **self._listed(raw)}
        one = {name: values[:1] for name, values in inputs.items()}
        stranger = "?" * (1 + max(len(str(i)) for i in (*data.users.ids, *data.items.ids)))
        blank = {c.name: c.raw(pd.Series([None], dtype=object)) for c in self.columns}
        unknown = {"user_id": [stranger], "item_id": [stranger], **self._listed(blank)}
        catalog = [str(item) for item in data.items.ids[: min(50, self.num_items)]]
        first = {name: values[:1] for name, values in raw.items()}
        repeated = {name: np.repeat(values, len(catalog), 0) for name, values in first.items()}
        scores = self._expected(users[:1] * len(catalog), catalog, repeated)
        order = np.argsort(-scores, kind="stable")
        return [
            Case(
                title="training interactions",
                signature="score",
                inputs=inputs,
                expected=Values(
                    {
                        "score": expected,
                        "known_user": [True] * len(users),
                        "known_item": [True] * len(users),
                    }
                ),
            ),
            Case(
                title="one pair",
                signature="score",
                inputs=one,
                expected=Values({"score": expected[:1]}),
                repeat=REPEATS,
            ),
            Case(
                title="nobody and nothing known",
                signature="score",
                inputs=unknown,
                expected=Values({"known_user": [False], "known_item": [False]}),
            ),
            Case(
                title="users and items of different number",
                signature="score",
                inputs={**one, "item_id": items[:1] * 2},
                expected=None,
            ),
            Case(
                title="candidates, an unknown one among them",
                signature="rank",
                inputs={**one, "item_id": [[stranger, *catalog]]},
                expected=Values({"score": np.append(scores[order], np.float32(LOWEST))[None, :]}),
            ),
        ]

    def _expected(self, users, items, raw) -> np.ndarray:
        """The scores of the model in memory."""
        model = self._in_memory()
        data = model.interactions
        place = {str(user): index for index, user in enumerate(data.users.ids)}
        of_item = {str(item): index for index, item in enumerate(data.items.ids)}
        context = None
        if self.columns:
            context = pd.DataFrame({name: list(values) for name, values in raw.items()})
        user_index, item_index = (
            np.array([index[name] for name in names], np.int32)
            for index, names in ((place, users), (of_item, items))
        )
        return model.predict_pairs(user_index, item_index, context)

    def _listed(self, raw: dict[str, np.ndarray]) -> dict[str, list]:
        """Raw values by column as a request in JSON has them."""
        return {c.input_name: np.asarray(raw[c.name]).tolist() for c in self.columns}


class _Vectors(tf.Module):
    """Index [n] int32 -> [n, width] float32; the index `count`, of all that are unknown, has the
    mean vector. They are stored, or computed by the tower where its ids are composed."""

    def __init__(self, tower: keras.Model, count: int, name: str):
        super().__init__(name=name)
        vectors = in_blocks(tower, count)
        mean = vectors.mean(0, keepdims=True)
        self.count, self.width = count, vectors.shape[1]
        self._tower = tower if holds_composed_ids(tower) else None
        self._rows = frozen(mean if self._tower else np.vstack([vectors, mean]), name)

    def __call__(self, index: tf.Tensor) -> tf.Tensor:
        if self._tower is None:
            return tf.gather(self._rows, index)
        known = index < self.count
        return tf.where(known[:, None], self._tower(tf.where(known, index, 0)), self._rows)
