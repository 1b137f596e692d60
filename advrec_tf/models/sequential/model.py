"""Next-item models: a history of items in order in, scores of what comes next out.

`SequenceModel` joins the vectors of `sequential.item_rows`, an encoder of `sequential.encoders` and
an objective of `sequential.objectives`; `sequential.published` builds the published models. How
histories are cut into windows is in `data.windows`.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.sequences import NONE
from advrec_tf.data.windows import Windows, last_windows
from advrec_tf.models.replicas import random_floats_of_rows, sum_over_replicas
from advrec_tf.models.saving import (
    model_config,
    model_from_config,
    settings_from_config,
    settings_to_config,
)
from advrec_tf.models.sequential.history_scores import HistoryScores, require_items
from advrec_tf.models.sequential.item_rows import CandidateRows, ItemRows
from advrec_tf.models.sequential.objectives import (
    SETTINGS,
    FullSoftmax,
    SequenceObjective,
    bind,
    require_sequence_objective,
)
from advrec_tf.models.sequential.targets import predicted
from advrec_tf.models.sequential.user_rows import HIDDEN_USERS, UserRows
from advrec_tf.models.trained import RecommenderModel
from advrec_tf.ops.random import stream

TRAINING = ("next", "last", "masked")

HIDDEN_LAST = 0.5
"""The fraction of windows whose last item is hidden in "masked" training, beside those drawn."""


@keras.utils.register_keras_serializable("advrec_tf")
class SequenceModel(RecommenderModel):
    """score(history, item) = state of the last place . vector of the item.

    Args:
        encoder: as in `sequential.encoders`.
        interactions: the training interactions: histories, ids, what is counted.
        length: the most items of a history that are read, >= 1.
        objective: what a state is compared with.
        training: "next" compares the state of each place with the item that comes after it;
            "last" that of the last place alone, with the last item of the window; "masked" hides
            items, and compares the states of their places with them (BERT4Rec).
        masked_fraction: of the items, in (0, 1); of "masked" alone. The last is hidden as well in
            every other window, since that is what is asked of the model later.
        item_vectors: [num_items, dim] numbers that the vectors of items start from, such as
            `start.transition_vectors` or those of their texts; by default random ones.
        seed: of the vectors of items.

    Attributes:
        item_rows: the vectors that are read, a layer [..] int32 -> [.., dim].
        candidate_rows: the same vectors as what states are compared with, a layer of its own.
        user_rows: the vectors of users, where the encoder reads them (`reads_users`).

    Raises:
        ValueError: if an argument is out of range.
    """

    mixed_precision = True
    rows_of_weights = ("items",)
    replicated = True
    loss_is_share = True
    saves_whole = True

    def __init__(
        self,
        encoder: keras.Model,
        interactions: Interactions,
        *,
        length: int,
        objective: SequenceObjective = FullSoftmax(),
        training: Literal["next", "last", "masked"] = "next",
        masked_fraction: float = 0.3,
        item_vectors: np.ndarray | None = None,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if training not in TRAINING:
            raise ValueError(f"`training` should be one of {TRAINING}. Received: {training!r}.")
        least = 2 if training == "masked" else 1  # one place is that of the hidden item
        if length < least:
            raise ValueError(f"`length` should be >= {least}. Received: {length!r}.")
        if not 0 < masked_fraction < 1:
            raise ValueError(
                f"`masked_fraction` should lie in (0, 1). Received: {masked_fraction!r}."
            )
        require_sequence_objective(objective)
        self.interactions, self.encoder = interactions, encoder
        self.mode, self.masked_fraction = training, masked_fraction
        self._settings = {
            "length": length,
            "objective": settings_to_config(objective),
            "training": training,
            "masked_fraction": masked_fraction,
            "seed": seed,
        }
        dim = encoder.input["vectors"].shape[-1]
        self.length = length
        self.fixed_length = encoder.input["vectors"].shape[1] is not None
        self.reads_gaps = "gap" in encoder.input
        self.item_rows = ItemRows(interactions.num_items, dim, seed=seed, name="item_rows")
        self.item_rows.build(None)
        self.reads_users = "user" in encoder.input
        if self.reads_users:
            self.user_rows = UserRows(interactions.num_users, dim, seed=seed + 1, name="user_rows")
            self.user_rows.build(None)
            self.rows_of_weights = ("items", "users")
        if item_vectors is not None:
            self.item_rows.start_from(item_vectors)
        self.candidate_rows = CandidateRows(self.item_rows, name="candidate_rows", dtype="float32")
        self.objective = bind(objective, interactions, seed=seed)
        self._targets_a_window = self._expected_targets()
        own = HistoryScores(self, last_windows(interactions, length), interactions)
        self.built = True
        object.__setattr__(self, "_own", own)  # it is no part of the model: the model is one of it

    def get_config(self):
        return model_config(self, **self._settings)

    @classmethod
    def from_config(cls, config):
        objective = settings_from_config(config["objective"], SETTINGS)
        return model_from_config(cls, {**config, "objective": objective})

    # Training.

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Sum over the predicted items of a batch from `windows.of_windows`, in nats, divided by
        how many a batch of so many windows has on average.

        That number and not its own, since a batch holds windows of about one length: by its own an
        item of a short history would count several times as much as one of a long history.
        """
        history = inputs["history"]
        gap = inputs.get("gap")
        if self.mode == "masked":
            read, targets = self._hidden(history[:, -self.length :], inputs["seed"])
            gap = None if gap is None else gap[:, -self.length :]
        else:
            read, targets = history[:, :-1], history[:, 1:]
            gap = None if gap is None else gap[:, :-1]
            targets = tf.where(read == NONE, NONE, targets)
        user = None
        if self.reads_users:
            user = self._some_hidden(inputs["user_index"], inputs["seed"], training)
        states = self.states(read, inputs["seed"], gap=gap, user=user, training=training)
        if self.mode == "last":
            states, targets = states[:, -1:], targets[:, -1:]
        states, found = predicted(states, targets, inputs, static=self.static_shapes)
        total = self.objective.total(states, found, self.candidate_rows)
        weight = sum_over_replicas(tf.reduce_sum(inputs["weight"]))
        return tf.math.divide_no_nan(total, weight * self._targets_a_window)

    def _expected_targets(self) -> float:
        """Predicted items of a window of `windows.training_windows`, on average."""
        if self.mode == "last":
            return 1.0
        later = np.maximum(self.interactions.user_counts() - 1, 0)
        windows = max(int(np.ceil(later / self.length).sum()), 1)
        if self.mode == "next":
            return max(float(later.sum() / windows), 1.0)
        items = np.minimum(later.sum() / windows + 1.0, self.length)
        return self.masked_fraction * items + (1.0 - self.masked_fraction) * HIDDEN_LAST

    def states(
        self,
        history: tf.Tensor,
        seed: tf.Tensor | None = None,
        *,
        gap: tf.Tensor | None = None,
        user: tf.Tensor | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """[batch, places] int32 item indices, `NONE` at the left -> [batch, places, dim].

        `num_items` stands for an item that is hidden. `user` [batch] int32 says whose the histories
        are, where the model reads users; by default they are unknown.
        """
        inputs = {
            "vectors": self.item_rows(history),
            "known": history != NONE,
            "seed": tf.zeros([2], tf.int32) if seed is None else seed,
        }
        if self.reads_gaps:
            inputs["gap"] = tf.zeros(tf.shape(history)) if gap is None else gap
        if self.reads_users:
            inputs["user"] = self.user_rows(self.users_or_unknown(user, tf.shape(history)[0]))
        encoded = self.encoder(inputs, training=training)
        return self.objective.scored(tf.cast(encoded, tf.float32))

    def use_cascade_weights(self, power: float = 0.5) -> SequenceModel:
        """Let an adversary move items less the more later targets they influence; itself.

            radius of a place = the budget's radius * (number of targets at it or after it)^-power

        The idea is that of cascade-guided adversarial training (Tan et al. 2023,
        arXiv:2304.05492): an early item is read before every later target of its window. The
        formula is our reading, of effects inside the window alone; theirs counts effects through
        other users' histories as well. The last place keeps the whole radius, so no vector leaves
        the ball of the budget, and noise (`direction="random"`) gets the same weights.

        Args:
            power: >= 0; 0 gives all places the same radius.

        Raises:
            ValueError: if `power` is negative, or all places influence the same targets, as in
                "last" and "masked" training.
        """
        if not power >= 0:
            raise ValueError(f"`power` should be >= 0. Received: {power!r}.")
        if power and self.mode != "next":
            raise ValueError(
                "Cascade weights should be used where each place is trained on the item after it "
                f"(`training='next'`). Received: training={self.mode!r}."
            )
        self.item_rows.cascade = float(power)
        return self

    def _hidden(self, history, seed):
        """What is read, some items hidden, and the hidden ones, `NONE` elsewhere."""
        drawn = random_floats_of_rows(tf.shape(history), stream(seed, "hidden items"))
        hidden = drawn < self.masked_fraction
        last = random_floats_of_rows(tf.shape(history)[:1], stream(seed, "hidden last"))
        last = last < HIDDEN_LAST
        at_end = tf.range(tf.shape(history)[1]) == tf.shape(history)[1] - 1
        hidden |= last[:, None] & at_end[None, :]
        hidden &= history != NONE
        read = tf.where(hidden, self.interactions.num_items, history)
        return read, tf.where(hidden, history, NONE)

    def users_or_unknown(self, user: tf.Tensor | None, count: tf.Tensor) -> tf.Tensor:
        """[count] int32: the users given, or as many who are unknown."""
        return tf.fill([count], self.interactions.num_users) if user is None else user

    def _some_hidden(self, user, seed, training: bool):
        """Users [batch], some of them unknown in training, see `user_rows.HIDDEN_USERS`."""
        if not training:
            return user
        drawn = random_floats_of_rows(tf.shape(user), stream(seed, "hidden users"))
        return tf.where(drawn < HIDDEN_USERS, self.interactions.num_users, user)

    # Scores.

    @property
    def horizon(self) -> int:
        """The most items of a history that are read."""
        return self.length

    @property
    def own_windows(self) -> Windows:
        """The last items of each user in training, which `score` reads."""
        return self._own.windows

    def score_history(
        self,
        history: tf.Tensor,
        gap: tf.Tensor | None = None,
        user: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """[batch, n] int32 item indices, the latest at the right, `NONE` at the left -> scores of
        what comes next, [batch, num_items] float32. Of longer histories the last items are read.

        Args:
            gap: [batch, n] float32, the time since the item before; 0 where it is not known.
            user: [batch] int32, whose histories they are, for a model that reads users; any other
                number than that of a user of the training is unknown, and so are all by default.

        Raises:
            ValueError: if an index is none of an item (inside a graph TensorFlow says it).
        """
        require_items(history, self.interactions.num_items)
        states = self.last_states(history, gap, user)
        return tf.matmul(states, self.items(None), transpose_b=True)

    def items(self, index: tf.Tensor | None) -> tf.Tensor:
        """[...] int32 -> [..., dim], what states are compared with; None gives all items."""
        return self.objective.scored(self.candidate_rows(index))

    def last_states(
        self,
        history: tf.Tensor,
        gap: tf.Tensor | None = None,
        user: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """[batch, n] int32 as of `score_history` -> [batch, dim], what items are compared with."""
        gap = tf.zeros(tf.shape(history)) if gap is None else gap
        history, gap = self._cut(history, gap)
        return self.states(history, gap=gap, user=user)[:, -1]

    def _cut(self, history, gap):
        """The places that are read: the last `length`, with a hidden item at the end where
        training hides items, and exactly so many where the encoder wants them."""
        kept = self.length - (self.mode == "masked")
        history = history[:, -kept:]
        gap = gap[:, -kept:]
        if self.mode == "masked":
            asked = tf.fill([tf.shape(history)[0], 1], self.interactions.num_items)
            history = tf.concat([history, asked], 1)
            gap = tf.pad(gap, [[0, 0], [0, 1]])
        if self.fixed_length:
            missing = [[0, 0], [self.length - tf.shape(history)[1], 0]]
            history = tf.pad(history, missing, constant_values=NONE)
            history = tf.ensure_shape(history, [None, self.length])
            gap = tf.pad(gap, missing)
        return history, gap

    def item_vectors(self) -> np.ndarray:
        """[num_items, dim] float32, what states are compared with."""
        return self.items(None).numpy()

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        return self._own.score(user_index)

    def on(self, interactions: Interactions) -> HistoryScores:
        """The same model on other histories of the same users and items, such as those with the
        validation interactions, which a test protocol shows the model."""
        return HistoryScores(self, last_windows(interactions, self.length), interactions)

    def call(self, history: tf.Tensor, training: bool = False) -> tf.Tensor:
        """As `score_history`."""
        return self.score_history(history)
