"""Token attribution: how much each word of an item's text adds to its score for a user.

Integrated gradients over the token vectors (Sundararajan et al. 2017, arXiv:1703.01365, eq. 1):
the mean gradient of the score along the straight line from a baseline to the text, times the
difference of the two. The baseline has zeros in the place of all token vectors; the contributions
sum to the score less that of the baseline, up to the error of the sum that approximates the
integral. Sentences made of them are in `knowledge.explanations`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from advrec_tf.models.content.two_tower import ContentTwoTower
from advrec_tf.text.language_model import LanguageModelTower
from advrec_tf.training.perturb_outputs import perturb_outputs


class TokenAttribution:
    """(user index, item index) -> words with their contributions: the argument `attribute` of
    `explain`.

    Args:
        model: the recommender; only the text modality is attributed, the item's others and its
            id are left out.
        encoder: makes the vectors of the modality `text`.
        texts: [num_items] str.
        steps: points of the line, >= 1, by the midpoint rule.

    Raises:
        ValueError: if the item tower lacks the modality, `texts` does not have a text for each
            item, or `steps` is < 1.
    """

    def __init__(
        self,
        model: ContentTwoTower,
        encoder: LanguageModelTower,
        texts: Sequence[str],
        *,
        text: str = "text",
        steps: int = 32,
    ):
        if text not in model.item_tower.names:
            raise ValueError(
                f"`text` should be one of {list(model.item_tower.names)}. Received: {text!r}."
            )
        if len(texts) != model.interactions.num_items:
            raise ValueError(
                f"`texts` should hold {model.interactions.num_items} texts, one for each item. "
                f"Received: {len(texts)}."
            )
        if steps < 1:
            raise ValueError(f"`steps` should be >= 1. Received: {steps!r}.")
        self.model, self.encoder, self.texts = model, encoder, texts
        self.text, self.steps = text, steps

    def __call__(self, user: int, item: int) -> list[tuple[str, float]]:
        """Words with the sums of their tokens' contributions, the largest first; special tokens
        such as [CLS] and [SEP] are left out."""
        ids, contributions = self.of_tokens(user, self.texts[item])
        tokenizer = self.encoder.tokenizer
        special = {tokenizer.start_id, tokenizer.end_id, tokenizer.pad_id}
        vocabulary = tokenizer.tokenizer.get_vocabulary()
        marked = any(str(piece).startswith("Ġ") for piece in vocabulary)  # byte pairs
        words: list[list] = []
        for token, value in zip(ids, contributions, strict=True):
            if token in special:
                continue
            piece = str(tokenizer.tokenizer.id_to_token(token))
            continues = not piece.startswith("Ġ") if marked else piece.startswith("##")
            piece = piece.removeprefix("##").removeprefix("Ġ")
            if continues and words:
                words[-1][0] += piece
                words[-1][1] += value
            else:
                words.append([piece, value])
        return sorted(((word, float(value)) for word, value in words), key=lambda pair: -pair[1])

    def of_tokens(self, user: int, text: str) -> tuple[np.ndarray, np.ndarray]:
        """(token ids [length], contributions [length]) for a user index and any text."""
        tokens = self.encoder.tokenizer(tf.constant([text]))
        copies = {
            name: tf.repeat(value, self.steps, axis=0)  # one for each point of the line
            for name, value in tokens.items()
        }
        layer = self.encoder.language_model.token_vectors
        with perturb_outputs([layer]) as outputs:
            self.encoder(tokens)
        end = outputs[0]  # [1, length * width]
        fraction = (tf.range(self.steps, dtype=tf.float32) + 0.5) / self.steps
        with tf.GradientTape() as tape:
            # Every copy is the text itself; this takes it back to its point of the line.
            with perturb_outputs(
                [layer], tape=tape, deltas=[(fraction[:, None] - 1.0) * end]
            ) as outputs:
                vectors = self.encoder(copies)
            score = tf.reduce_sum(self._scores(user, vectors))
        gradient = tf.reduce_mean(tape.gradient(score, outputs[0]), axis=0)
        length = tokens["token_ids"].shape[1]
        contributions = tf.reduce_sum(tf.reshape(gradient * end[0], [length, -1]), axis=1)
        return tokens["token_ids"].numpy()[0], contributions.numpy()

    def _scores(self, user: int, vectors: tf.Tensor) -> tf.Tensor:
        users = self.model.user_tower(tf.constant([user], tf.int32))
        items = self.model.item_tower.embed({self.text: vectors})
        return tf.matmul(items, users, transpose_b=True)[:, 0] / self.model.temperature
