"""Matrix factorization of interactions under a pairwise or a softmax objective.

The plain model of the field, in the forms the adversarial literature starts from: MF-BPR; MF
with dynamic hard negatives, or with the negatives of a generator that is trained against it; MF
under a sampled or in-batch softmax of cosines. Adversarial personalized ranking (APR) is
`training.adversarial.AdversarialTraining` around it. Given blocks of batches it trains at
millions of positives a second (see `models.factorization.sparse_model`).
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.factorization.negatives import Generator, Uniform
from advrec_tf.models.factorization.samplers import new_table
from advrec_tf.models.factorization.sparse_model import SparseEmbeddingModel
from advrec_tf.models.objectives import BPR, Objective, SampledSoftmax, require_objective
from advrec_tf.models.rater_counts import LogOfCount
from advrec_tf.models.vectors import frozen_vectors
from advrec_tf.ops.reductions import row_dot, row_sum
from advrec_tf.ops.servers import rows_at


class MatrixFactorization(SparseEmbeddingModel):
    """score(u, i) = p_u . q_i, or their cosine where the objective asks for it.

    It trains on `batches.of_pairs`, quickest in blocks (`batches.in_blocks`).

        MatrixFactorization(train, objective=BPR(DNS(candidates=8)))
        MatrixFactorization(train, objective=SampledSoftmax(temperature=0.2, cosine=True))

    Args:
        interactions: the training interactions.
        dim: factors, >= 1.
        objective: what is minimized, see `models.objectives`.
        l2: factor of the squared norms of an example's vectors, >= 0: those of user, positive
            and, where the example has one of its own, negative.
        initial_scale: standard deviation of the initial factors, > 0.
        seed: of the initial factors.

    Raises:
        ValueError: if an argument is out of range, or the objective needs too large a table of
            known pairs.

    Examples:
        >>> import advrec_tf as ar
        >>> split = ar.data.load("synthetic", num_users=40, num_items=30).split("last_item")
        >>> model = ar.models.MatrixFactorization(split.train, dim=8)
        >>> tuple(model.score([0, 1]).shape)
        (2, 30)
    """

    attackable = ("user", "positive", "negative")

    def __init__(
        self,
        interactions: Interactions,
        *,
        dim: int = 64,
        objective: Objective = BPR(),
        l2: float = 0.0,
        initial_scale: float = 0.1,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if dim < 1 or not l2 >= 0:
            raise ValueError(f"`dim` should be >= 1 and `l2` >= 0. Received: {dim!r}, {l2!r}.")
        if not initial_scale > 0:
            raise ValueError(f"`initial_scale` should be > 0. Received: {initial_scale!r}.")
        require_objective(objective)
        self.interactions = interactions
        self.l2 = l2

        def table(size, name, seed):
            initializer = keras.initializers.RandomNormal(stddev=initial_scale, seed=seed)
            return new_table(size, dim, initializer, name)

        self.user_embedding = table(interactions.num_users, "user_embedding", 2 * seed)
        self.item_embedding = table(interactions.num_items, "item_embedding", 2 * seed + 1)
        self.objective = objective.bind(interactions, seed=seed)

    @property
    def count_law(self) -> LogOfCount | None:
        """A softmax corrected for how often candidates are drawn, and pairs with uniform negatives,
        make of scores log probabilities of items; other negatives leave no known form."""
        settings = self.objective.settings
        if isinstance(settings, SampledSoftmax):
            return LogOfCount(unit=settings.temperature)
        return LogOfCount() if isinstance(settings.negatives, Uniform) else None

    @property
    def shared_rows(self):
        return () if self.objective.has_own_negatives else ("negative",)

    @property
    def replicated(self) -> bool:
        # A generator compares its rewards with their mean over one batch.
        one_batch = isinstance(self.objective.settings.negatives, Generator)
        return type(self) is MatrixFactorization and not one_batch

    @property
    def asynchronous(self) -> bool:
        return self.replicated

    @property
    def stratified(self) -> bool:
        settings = self.objective.settings
        plain = isinstance(settings, BPR) and isinstance(settings.negatives, Uniform)
        return type(self) is MatrixFactorization and plain

    def call(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items], the scores."""
        return self.score(user_index)

    def embedding_tables(self):
        tables = {"users": self.user_embedding, "items": self.item_embedding}
        return tables | self.objective.embedding_tables()

    def draw(self, inputs, tables):
        """Adds what the objective draws: `negative`, the items of the negatives, and more. What the
        batch has of a stratum is kept."""
        if "negative" in inputs:
            return inputs

        def score(user_index, item_index):
            user = rows_at(tables["users"], user_index)
            return row_dot(user[:, None], rows_at(tables["items"], item_index))

        return self.objective.draw(inputs, score, tables)

    def lookups(self, inputs):
        found = {
            "user": ("users", inputs["user_index"]),
            "positive": ("items", inputs["item_index"]),
            "negative": ("items", inputs["negative"]),
        }
        return found | self.objective.lookups(inputs)

    def row_losses(self, rows, inputs):
        """[batch] nats a positive, plus l2."""
        values = self.objective.example_losses(rows, inputs)
        if not self.l2:
            return values
        squares = row_sum(tf.square(rows["user"]) + tf.square(rows["positive"]))
        if self.objective.has_own_negatives:
            squares += row_sum(tf.square(rows["negative"]))
        return values + self.l2 * squares

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        users = rows_at(self.user_embedding.embeddings, user_index)
        items = tf.convert_to_tensor(self.item_embedding.embeddings)
        scored = self.objective.scored
        return tf.matmul(scored(users), scored(items), transpose_b=True)

    def user_vectors(self) -> np.ndarray:
        """[num_users, dim] float32, of length 1 where scores are cosines."""
        return self._vectors(self.user_embedding)

    def item_vectors(self) -> np.ndarray:
        """[num_items, dim] float32, of length 1 where scores are cosines."""
        return self._vectors(self.item_embedding)

    def frozen(self):
        return frozen_vectors(self, self.user_vectors(), self.item_vectors())

    def _vectors(self, layer) -> np.ndarray:
        return self.objective.scored(tf.convert_to_tensor(layer.embeddings)).numpy()
