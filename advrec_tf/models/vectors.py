"""Recommenders that are two matrices: what is exported, with a popularity prior inside.

A two-tower model, a factorization and an autoencoder all end as one vector a user and one
vector an item whose dot product ranks. In that form the prior for users with few
interactions is one more dimension, and the served model stays a single matrix product.
"""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import pandas as pd
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.models.base import Recommender, log_popularity
from advrec_tf.models.new_users import NewUsers
from advrec_tf.ops.files import atomic_file
from advrec_tf.ops.stored import DamagedFileError, pack_ids, read_arrays, unpack_ids


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class VectorRecommender(Recommender):
    """score(user, item) = user_vectors[user] . item_vectors[item].

    Attributes:
        user_vectors: [num_users, dim] float32.
        item_vectors: [num_items, dim] float32.
        unknown_user: [dim] float32, the vector served for a user without any history.
        interactions: the training interactions, for ids and for the items already seen.
        new_users: what makes vectors of users by their columns, of the two-tower model that the
            vectors are of; None where there is no such model or it has no columns.
        new_user_scale: weighs what columns say of a new user against popularity, as `scale` of
            `with_popularity_prior` does for users with few interactions; None for lists by columns
            without the prior.

    Raises:
        ValueError: if the shapes do not fit each other or the vocabularies, or a value is
            not finite; or `new_user_scale` is negative, or there are no `new_users` or no prior
            for it.
    """

    user_vectors: np.ndarray
    item_vectors: np.ndarray
    unknown_user: np.ndarray
    interactions: Interactions
    new_users: NewUsers | None = None
    new_user_scale: float | None = None

    def __post_init__(self):
        dim = self.user_vectors.shape[-1]
        expected = {
            "user_vectors": (self.interactions.num_users, dim),
            "item_vectors": (self.interactions.num_items, dim),
            "unknown_user": (dim,),
        }
        for name, shape in expected.items():
            value = getattr(self, name)
            if value.shape != shape:
                raise ValueError(f"`{name}` should have shape {shape}. Received: {value.shape}.")
            if not np.isfinite(value).all():
                raise ValueError(f"`{name}` should be finite. Received NaN or infinity.")
        scale = self.new_user_scale
        if scale is None:
            return
        if not 0 <= scale < np.inf:
            raise ValueError(f"`new_user_scale` should be >= 0. Received: {scale!r}.")
        if self.new_users is None or not self.unknown_user.any():
            raise ValueError(
                "`new_user_scale` should be given beside `new_users` and vectors that have a "
                "popularity prior (`with_popularity_prior`). Received: "
                + ("no `new_users`." if self.new_users is None else "an `unknown_user` of zeros.")
            )

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items] float32."""
        return tf.matmul(
            tf.gather(tf.constant(self.user_vectors), user_index),
            tf.constant(self.item_vectors),
            transpose_b=True,
        )

    def unknown_user_scores(self) -> np.ndarray:
        """[num_items] float32, as the exported model serves them."""
        return self.item_vectors @ self.unknown_user

    def new_user_vectors(
        self, users: pd.DataFrame | None = None, context: pd.DataFrame | None = None
    ) -> np.ndarray:
        """[rows, dim] float32, vectors of users who were not there in training, by their columns,
        with the popularity prior where there is a `new_user_scale`; see `NewUsers.vectors`.

        Raises:
            ValueError: if there are only vectors, or a table does not fit.
        """
        if self.new_users is None:
            raise ValueError(
                "`new_user_vectors` needs the tower of a two-tower model with columns of users or "
                "a context. Received vectors without one."
            )
        found = self.new_users.vectors(users, context)
        return beside_prior(found, self.user_vectors.shape[1], *self.new_user_prior())

    def new_user_prior(self) -> tuple[float, np.ndarray]:
        """What vectors by columns are multiplied by, and [dim] what is then added to them."""
        if self.new_user_scale is None:
            return 1.0, np.zeros_like(self.unknown_user)
        return self.new_user_scale, self.unknown_user


def beside_prior(queries, width: int, scale: float, prior: np.ndarray):
    """Queries by columns [rows, d <= width] in the space of vectors of this width: `scale` times
    these, with 0 in the further dimensions, and the vector [width] of the prior; by NumPy, or in a
    graph of tensors."""
    pad = tf.pad if tf.is_tensor(queries) else np.pad
    return pad(queries * np.float32(scale), [[0, 0], [0, width - queries.shape[1]]]) + prior


def frozen_vectors(
    model: Recommender, user_vectors: np.ndarray, item_vectors: np.ndarray
) -> Recommender:
    """A recommender by the present vectors of a model; the model itself where one is not finite,
    as after a training that diverged."""
    if not (np.isfinite(user_vectors).all() and np.isfinite(item_vectors).all()):
        return model
    return VectorRecommender(
        user_vectors=user_vectors,
        item_vectors=item_vectors,
        unknown_user=np.zeros(user_vectors.shape[1], np.float32),
        interactions=model.interactions,
    )


def with_popularity_prior(
    user_vectors: np.ndarray,
    item_vectors: np.ndarray,
    interactions: Interactions,
    *,
    scale: float,
    prior_max_history: int,
) -> VectorRecommender:
    """Vectors [users, dim] and [items, dim] -> a recommender of dim + 1 with the prior inside.

    A user with fewer than `prior_max_history` interactions is scored
    `scale * u . v + log(interactions of v + .5)`, every other user `u . v` as before, a user
    without any interaction by popularity alone. `scale` weighs taste against popularity and is
    chosen on validation; with `prior_max_history` = 0 only users without interactions have the
    prior.

    Raises:
        ValueError: if `scale` or `prior_max_history` is negative.
    """
    if scale < 0 or prior_max_history < 0:
        raise ValueError(
            f"`scale` and `prior_max_history` should be >= 0. Received: {scale!r} and "
            f"{prior_max_history!r}."
        )
    counts = interactions.user_counts()[:, None]
    needs_prior = ((counts < prior_max_history) | (counts == 0)).astype(np.float32)
    users = user_vectors * np.where(
        counts == 0, 0.0, np.where(counts < prior_max_history, scale, 1.0)
    )
    unknown = np.zeros(user_vectors.shape[1] + 1, np.float32)
    unknown[-1] = 1.0
    return VectorRecommender(
        user_vectors=np.concatenate([users, needs_prior], axis=1).astype(np.float32),
        item_vectors=np.concatenate(
            [item_vectors, log_popularity(interactions)[:, None]], axis=1
        ).astype(np.float32),
        unknown_user=unknown,
        interactions=interactions,
    )


def save_vectors(recommender: VectorRecommender, path: str | os.PathLike) -> None:
    """Write a recommender, with the ids and interactions that an export needs, to one .npz file."""
    data = recommender.interactions
    columns = {
        "user_vectors": recommender.user_vectors,
        "item_vectors": recommender.item_vectors,
        "unknown_user": recommender.unknown_user,
        "user_index": data.user_index,
        "item_index": data.item_index,
        **pack_ids("user_ids", data.users.ids),
        **pack_ids("item_ids", data.items.ids),
    }
    if data.item_text is not None:
        columns |= pack_ids("item_text", np.array([text or "" for text in data.item_text], object))
    if recommender.new_users is not None:
        columns |= recommender.new_users.to_arrays()
    if recommender.new_user_scale is not None:
        columns["new_user_scale"] = np.float64(recommender.new_user_scale)
    with atomic_file(path, overwrite=True) as unfinished, open(unfinished, "wb") as file:
        np.savez(file, **columns)


def load_vectors(path: str | os.PathLike) -> VectorRecommender:
    """Read what `save_vectors` wrote; ids have their type back.

    Raises:
        FileNotFoundError: if there is no such file.
        DamagedFileError: if it is not as `save_vectors` wrote it.
    """
    cure = "Write it again with `save_vectors`; a finished run does so with --resume."
    stored = read_arrays(path, cure=cure)
    scale = stored.get("new_user_scale")
    try:
        interactions = Interactions(
            user_index=stored["user_index"],
            item_index=stored["item_index"],
            users=Vocabulary(unpack_ids("user_ids", stored)),
            items=Vocabulary(unpack_ids("item_ids", stored)),
            item_text=unpack_ids("item_text", stored) if "item_text" in stored else None,
        )
        return VectorRecommender(
            user_vectors=stored["user_vectors"],
            item_vectors=stored["item_vectors"],
            unknown_user=stored["unknown_user"],
            interactions=interactions,
            new_users=NewUsers.from_arrays(stored),
            new_user_scale=float(scale) if scale is not None else None,
        )
    except KeyError as error:
        raise DamagedFileError(path, f"it lacks {error}", cure) from None
