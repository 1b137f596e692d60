"""Matrix factorization under a pairwise or softmax loss, with any negative sampler.

The plain model of the field, in the forms the adversarial literature starts from: MF-BPR;
MF with dynamic hard negatives, or with negatives from a generator it plays against; MF with
a sampled or in-batch softmax over cosine scores. Adversarial personalized ranking (APR) is
`training.adversarial.AdversarialTraining` around it. Given blocks of batches it trains at
millions of positives a second (see `models.row_model`).
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf import losses
from advrec_tf._keras import keras
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.factorization import negatives as samplers
from advrec_tf.models.factorization.sparse_model import SparseEmbeddingModel
from advrec_tf.ops.random import random_floats
from advrec_tf.ops.reductions import row_dot, row_sum, unit_rows

LOSSES = ("bpr", "softmax")


class MatrixFactorization(SparseEmbeddingModel):
    """score(u, i) = p_u . q_i, or their cosine.

    `loss="bpr"`: -log sigmoid(s_ui - s_uj) with one negative j a positive (Rendle et al.
    2009, arXiv:1205.2618). A uniform negative that happens to be a positive is kept, as in
    the paper's bootstrap.

    `loss="softmax"`: cross-entropy of the positive against an estimate of the whole
    catalogue from the m candidates the batch shares (`losses.sampled_softmax`): scores are
    divided by `temperature`, the log-Q correction is applied in full, a candidate that is
    the row's own positive is left out.

    It trains on `batches.of_pairs`, quickest in blocks (`batches.in_blocks`).

    With `negatives="generator"` a second, smaller factorization is trained beside the model:
    it picks a negative among `count` uniform candidates with p = softmax of its scores and
    follows the policy gradient of the model's loss, less the batch's mean (IRGAN's pairwise
    game; the model is the discriminator and keeps the ranking).

    Args:
        interactions: the training rows.
        dim: factors, >= 1.
        loss: "bpr" or "softmax".
        negatives: name of a sampler, see `models.negatives`.
        count: candidates a positive (dns, generator; by default 8), or shared by the batch
            (softmax with uniform, popularity or mixed; by default 512).
        exponent: of popularity, for `negatives="popularity"`.
        cosine: rank by cosine instead of the dot product.
        temperature: divides scores in the softmax, > 0.
        hardness: beta >= 0 of an adversary that weighs the softmax's candidates by m *
            softmax(beta * s), the worst case within a KL ball (in the manner of AdvInfoNCE,
            Zhang et al. 2023); 0 is none.
        mask_known: leave all known positives of the user out of the softmax's candidates.
        l2: factor of the squared norm of the rows of an example, >= 0.
        initial_scale: standard deviation of the initial factors, > 0.
        generator_dim: factors of the generator.

    Raises:
        ValueError: if an argument is out of range, unknown, or does not go with the loss.
    """

    attackable = ("user", "liked", "other")

    def __init__(
        self,
        interactions: Interactions,
        *,
        dim: int = 64,
        loss: str = "bpr",
        negatives: str = "uniform",
        count: int | None = None,
        exponent: float = 0.75,
        cosine: bool = False,
        temperature: float = 1.0,
        hardness: float = 0.0,
        mask_known: bool = False,
        l2: float = 0.0,
        initial_scale: float = 0.1,
        generator_dim: int = 16,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if dim < 1 or l2 < 0:
            raise ValueError(f"`dim` should be >= 1 and `l2` >= 0. Received: {dim!r}, {l2!r}.")
        if not initial_scale > 0 or generator_dim < 1:
            raise ValueError(
                "`initial_scale` should be > 0 and `generator_dim` >= 1. "
                f"Received: {initial_scale!r}, {generator_dim!r}."
            )
        if loss not in LOSSES:
            raise ValueError(f"`loss` should be one of {LOSSES}. Received: {loss!r}.")
        if temperature <= 0 or hardness < 0:
            raise ValueError(
                "`temperature` should be > 0 and `hardness` >= 0. "
                f"Received: {temperature!r}, {hardness!r}."
            )
        if loss == "softmax" and negatives in samplers.PAIRWISE_ONLY:
            raise ValueError(
                f"`negatives` should be none of {samplers.PAIRWISE_ONLY} with loss='softmax', "
                f"whose batch shares its candidates. Received: {negatives!r}."
            )
        if loss == "bpr" and (hardness or mask_known or temperature != 1.0):
            raise ValueError(
                "`hardness`, `mask_known` and `temperature` should be left alone with "
                f"loss='bpr'. Received: {hardness!r}, {mask_known!r}, {temperature!r}."
            )
        self.interactions = interactions
        self.loss_name = loss
        self.cosine = cosine
        self.temperature = temperature
        self.hardness = hardness
        self.l2 = l2
        if count is None:
            count = 512 if loss == "softmax" else 8
        self.sampler = samplers.NegativeSampler(
            interactions, negatives, count=count, exponent=exponent
        )
        self._known = samplers.known_pairs(interactions, "`mask_known`") if mask_known else None

        def table(size, width, name, seed, scale=initial_scale):
            initializer = keras.initializers.RandomNormal(stddev=scale, seed=seed)
            layer = keras.layers.Embedding(size, width, initializer, name=name)
            layer.build(None)
            return layer

        users, items = interactions.num_users, interactions.num_items
        self.user_embedding = table(users, dim, "user_embedding", 2 * seed)
        self.item_embedding = table(items, dim, "item_embedding", 2 * seed + 1)
        if negatives == "generator":
            self.generator_users = table(users, generator_dim, "generator_users", 2 * seed + 101)
            self.generator_items = table(items, generator_dim, "generator_items", 2 * seed + 102)

    def call(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items], the scores."""
        return self.score(user_index)

    def embedding_tables(self):
        tables = {"users": self.user_embedding, "items": self.item_embedding}
        if self.sampler.sampler == "generator":
            tables |= {
                "generator_users": self.generator_users,
                "generator_items": self.generator_items,
            }
        return tables

    def draw(self, inputs, tables):
        """Adds `other`, the negatives' items; for a softmax also their log-Q correction.

        An example none of whose candidates is open (dns, generator) gets weight 0: it has no
        negative in this batch.
        """
        user, item, seed = inputs["user_index"], inputs["item_index"], inputs["seed"]
        if self.loss_name == "softmax":
            other, log_ratio = self.sampler.shared(item, seed)
            closed = other[None, :] == item[:, None]
            if self._known is not None:
                closed |= self._known.known(user, other)
            return {**inputs, "other": other, "log_ratio": log_ratio, "closed": closed}
        if self.sampler.sampler not in samplers.PAIRWISE_ONLY:
            return {**inputs, "other": self.sampler.one_each(item, seed)}
        candidates, is_open = self.sampler.candidates(user, seed)
        if self.sampler.sampler == "dns":
            preference = self._scores(tables["users"], tables["items"], user, candidates)
        else:
            users, items = tables["generator_users"], tables["generator_items"]
            preference = row_dot(tf.gather(users, user)[:, None], tf.gather(items, candidates))
            noise = random_floats(tf.shape(preference), seed + [0, 2], low=1e-7)
            preference -= tf.math.log(-tf.math.log(noise))  # Gumbel: a draw from the softmax
        preference = tf.where(is_open, preference, -np.inf)
        chosen = tf.argmax(preference, 1, output_type=tf.int32)
        other = tf.gather(candidates, chosen, batch_dims=1)
        return {
            **inputs,
            "weight": tf.where(tf.reduce_any(is_open, 1), inputs["weight"], 0.0),
            "candidates": candidates,
            "open": is_open,
            "chosen": chosen,
            "other": other,
        }

    def lookups(self, inputs):
        found = {
            "user": ("users", inputs["user_index"]),
            "liked": ("items", inputs["item_index"]),
            "other": ("items", inputs["other"]),
        }
        if self.sampler.sampler == "generator":
            found["generator_user"] = ("generator_users", inputs["user_index"])
            found["generator_item"] = ("generator_items", inputs["candidates"])
        return found

    def row_losses(self, rows, inputs):
        """[batch] nats a positive, plus l2."""
        user, liked, other = rows["user"], rows["liked"], rows["other"]
        squares = row_sum(tf.square(user) + tf.square(liked))
        if self.cosine:
            user, liked, other = unit_rows(user), unit_rows(liked), unit_rows(other)
        liked_score = row_dot(user, liked)
        if self.loss_name == "softmax":
            row_losses = losses.sampled_softmax(
                liked_score / self.temperature,
                tf.matmul(user, other, transpose_b=True) / self.temperature,
                inputs["log_ratio"],
                inputs["closed"],
                num_items=self.interactions.num_items,
                hardness=self.hardness,
            )
        else:
            squares += row_sum(tf.square(rows["other"]))
            row_losses = losses.bpr(liked_score, row_dot(user, other))
        if self.sampler.sampler == "generator":
            row_losses += self._generator_term(rows, inputs, row_losses)
        return row_losses + self.l2 * squares if self.l2 else row_losses

    def _generator_term(self, rows, inputs, row_losses):
        """[batch] of zeros whose gradient is the generator's policy gradient."""
        logits = row_dot(rows["generator_user"][:, None], rows["generator_item"])
        log_p = tf.nn.log_softmax(tf.where(inputs["open"], logits, -1e9), 1)
        log_p = tf.gather(log_p, inputs["chosen"], batch_dims=1)
        advantage = tf.stop_gradient(row_losses - tf.reduce_mean(row_losses))
        return -advantage * (log_p - tf.stop_gradient(log_p))

    def _scores(self, users, items, user_index, item_index):
        """[batch] and [batch, n] -> [batch, n]."""
        user, item = tf.gather(users, user_index), tf.gather(items, item_index)
        return row_dot(user[:, None], unit_rows(item) if self.cosine else item)

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        users = tf.gather(self.user_embedding.embeddings, user_index)
        items = tf.convert_to_tensor(self.item_embedding.embeddings)
        if self.cosine:
            users, items = tf.math.l2_normalize(users, -1), tf.math.l2_normalize(items, -1)
        return tf.matmul(users, items, transpose_b=True)

    def user_vectors(self) -> np.ndarray:
        """[num_users, dim] float32, of length 1 under `cosine`."""
        return self._vectors(self.user_embedding)

    def item_vectors(self) -> np.ndarray:
        """[num_items, dim] float32, of length 1 under `cosine`."""
        return self._vectors(self.item_embedding)

    def _vectors(self, layer) -> np.ndarray:
        vectors = tf.convert_to_tensor(layer.embeddings)
        return (tf.math.l2_normalize(vectors, -1) if self.cosine else vectors).numpy()
