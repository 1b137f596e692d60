"""A content recommender as a served graph: text in, list of items out.

The graph holds the language model with its tokenizer, the fusion networks of both towers and the
vectors of the catalog. It has the signatures of `serving.recommender.ServedRecommender`, of which
two are of another kind here, and one more:

    serving_default         text [batch] -> lists, for users who are a sentence about what they like
    recommend_from_history  item_id [batch, n] -> lists, by the mean of the items' text vectors
    score_text              user_id [batch], text [batch] -> the score of an item nobody has seen

A process that loads it needs the operations of TensorFlow Text: in Python, `import
tensorflow_text` first.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.models.base import log_popularity
from advrec_tf.models.content.modalities import HISTORY
from advrec_tf.models.content.two_tower import ContentTwoTower
from advrec_tf.serving.lists import LOWEST, NO_ITEM, Reference
from advrec_tf.serving.module import Case, Values, frozen
from advrec_tf.serving.recommender import ServedRecommender
from advrec_tf.serving.scorers import VectorScorer
from advrec_tf.serving.served_lists import LONGEST
from advrec_tf.text.language_model import LanguageModelTower
from advrec_tf.text.served import MAX_TEXTS


class ServedContent(ServedRecommender):
    """The variables and tables behind the signatures.

    Args:
        model: its user tower reads histories of the text modality `text`.
        encoder: makes the vectors of that modality, as it did for training.
        text: name of the item modality that texts are vectors of.
        k, max_k: length of a list where the request names none, and the longest that it may ask
            for, as in `ServedRecommender`.

    Raises:
        ValueError: if a tower cannot take a text, the widths differ, or a length is out of range.
    """

    text_ops = True

    def __init__(
        self,
        model: ContentTwoTower,
        encoder: LanguageModelTower,
        *,
        text: str = "text",
        k: int | None = None,
        max_k: int = LONGEST,
    ):
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
        vectors = model.frozen()
        super().__init__(
            ContentScorer(model),
            model.interactions,
            score=lambda index: np.asarray(vectors.score(tf.constant(index))),
            unknown_scores=log_popularity(model.interactions),
            k=k,
            max_k=max_k,
        )
        self.max_batch = min(self.max_batch, MAX_TEXTS)
        self._towers = lambda: (model, encoder)  # behind a function, so that Keras is not saved
        self.weights = [
            *encoder.weights,
            *model.user_tower.fusion.weights,
            *model.item_tower.fusion.weights,
        ]
        self.tokenizer = encoder.tokenizer
        self.text = text

    def serving_default(self, text):
        model, encoder = self._towers()
        scores = self.scorer.scores_of_texts(model, encoder(text, training=False))
        return self._named(*self._best(tf.where(_is_empty(text)[:, None], LOWEST, scores), self.k))

    def score_text(self, user_id, text):
        model, encoder = self._towers()
        users = tf.gather(self.scorer.user_vectors, self.users.lookup(user_id))
        items = model.item_tower.embed({self.text: encoder(text, training=False)})
        scores = tf.reduce_sum(users[:, :-1] * items, axis=-1)
        return {"score": tf.where(_is_empty(text), 0.0, scores)}

    def inputs(self):
        texts = tf.TensorSpec([None], tf.string)
        return {
            **super().inputs(),
            "serving_default": {"text": texts},
            "score_text": {"user_id": texts, "text": texts},
        }

    def notes(self):
        return {**super().notes(), "kind": "content two-tower"}

    def warmup(self):
        found = super().warmup()
        user_id, text = found["score"]["user_id"], tf.constant([NO_ITEM])
        return {
            **found,
            "serving_default": {"text": text},
            "score_text": {"user_id": user_id, "text": text},
        }

    def _list_cases(self, reference):
        """Those by user id, besides `serving_default`, which takes texts."""
        model, encoder = self._towers()
        texts = ["", " ", *self._texts()]
        vectors = np.asarray(encoder(tf.constant(texts), training=False))
        users = model.embed_new_users(given={HISTORY: vectors})
        scores = users @ model.item_vectors().T
        scores[:2] = LOWEST
        plain = [c for c in super()._list_cases(reference) if c.signature != "serving_default"]
        sentences = Case(
            title="sentences",
            signature="serving_default",
            inputs={"text": texts},
            expected=reference.of(scores, self.k, names=[f"text {text!r}" for text in texts]),
        )
        return [*plain, sentences]

    def _score_cases(self, reference: Reference):
        model, encoder = self._towers()
        texts = self._texts()
        known = np.flatnonzero(reference.index < self.num_users)
        users = known[np.arange(len(texts)) % len(known)]
        vectors = np.asarray(encoder(tf.constant(texts), training=False))
        scores = model.score_new_items(
            tf.constant(reference.index[users].astype(np.int32)), {self.text: vectors}
        )
        own = np.diagonal(scores)
        names = [reference.names[user] for user in users]
        return [
            *super()._score_cases(reference),
            Case(
                title="texts",
                signature="score_text",
                inputs={
                    "user_id": [*names, names[0], reference.names[-1]],
                    "text": [*texts, "", texts[0]],
                },
                expected=Values({"score": [*own, 0.0, 0.0]}),
            ),
        ]

    def _texts(self) -> list[str]:
        """Some texts of items that are not blank, and one of no item."""
        _, _, data = self._in_memory()
        texts = [] if data.item_text is None else [str(t) for t in data.item_text[:32] if t]
        return [*(text for text in texts if text.strip()), "a quiet film about the sea"]


class ContentScorer(VectorScorer):
    """The vectors of a content model; histories pass through its user tower."""

    kind = "content two-tower"

    def __init__(self, model: ContentTwoTower):
        data = model.interactions
        users = np.pad(model.user_vectors(), [(0, 1), (0, 1)])
        users[-1, -1] = 1.0  # a dimension for the popularity that an unknown user is served by
        items = np.concatenate([model.item_vectors(), log_popularity(data)[:, None]], axis=1)
        super().__init__(users, items, np.zeros([0, 0], np.float32))
        self._model = lambda: model
        source = model.user_tower.sources[HISTORY]
        self.text_vectors = frozen(source.items.numpy(), "text_vectors")
        self.text_present = frozen(source.present.numpy(), "text_present")
        self.temperature = float(model.temperature)

    def scores_of_texts(self, model: ContentTwoTower, history: tf.Tensor) -> tf.Tensor:
        """Text vectors [batch, width] -> [batch, num_items]."""
        users = model.user_tower.embed({HISTORY: history}) / self.temperature
        return tf.matmul(users, self.item_vectors[:, :-1], transpose_b=True)

    def history_scores(self, profile):
        count = tf.matmul(profile, self.text_present)
        present = self.text_present * self.text_vectors
        mean = tf.matmul(profile, present) / tf.maximum(count, 1.0)
        scores = self.scores_of_texts(self._model(), mean)
        popular = tf.broadcast_to(self.item_vectors[:, -1], tf.shape(scores))
        return tf.where(count > 0, scores, popular)

    def expected_history_scores(self, profile):
        model = self._model()
        ids = model.interactions.items.ids
        source = model.user_tower.sources[HISTORY]
        says = (profile @ source.present.numpy())[:, 0] > 0
        scores = np.tile(log_popularity(model.interactions), (len(profile), 1))
        if says.any():
            users = model.embed_new_users(items=[ids[row > 0] for row in profile[says]])
            scores[says] = users @ model.item_vectors().T
        return scores


def _is_empty(text: tf.Tensor) -> tf.Tensor:
    return tf.equal(tf.strings.strip(text), "")
