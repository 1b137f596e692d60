"""`fit`: training with defaults, where the caller states no batches, optimizer or callbacks.

It chooses by the kind of model, and hands over to `fitting.fit_ranked`, which is the function to
call where a default does not suit.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from advrec_tf._keras import keras
from advrec_tf.data import batches
from advrec_tf.data.batches import Batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.splits import Split
from advrec_tf.data.strata import in_strata
from advrec_tf.data.streams.counted import CountedInteractions
from advrec_tf.data.windows import of_windows, training_windows
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.autoencoder import ProfileModel
from advrec_tf.models.base import Recommender
from advrec_tf.models.factorization.sparse_model import SparseEmbeddingModel
from advrec_tf.models.sequential.model import SequenceModel
from advrec_tf.training.fitting import FitReport, fit_ranked
from advrec_tf.training.optimizers import LazyAdam

MIN_PROFILE = 3
"""Users with fewer interactions are left out where whole profiles are reconstructed."""

_PASSED_ON = ("monitor", "every", "checkpoint", "callbacks")


def fit(
    model: Recommender,
    split: Split | Interactions,
    *,
    epochs: int = 40,
    batch_size: int | None = None,
    optimizer: keras.optimizers.Optimizer | None = None,
    patience: int = 5,
    seed: int = 0,
    strata: int | None = 1,
    label: str | None = None,
    log: Callable[[str], None] = print,
    **settings,
) -> FitReport | None:
    """Train a recommender of this package, wrapped or not, with sensible defaults.

    Models trained by gradient get batches of the kind they train on (whole profiles for
    autoencoders, histories for sequence models, compiled blocks of pairs for factorization, pairs
    for towers) and an optimizer, unless they are compiled. Given a split, training stops early by
    NDCG@10 on its validation part and the model has the weights of the best epoch. Models in closed
    form are fitted at once: they need no epoch and draw no batch, so that one call with `epochs`,
    `patience`, `batch_size` and `seed` serves a list of models.

    Args:
        model: a recommender, or `AdversarialTraining` and the like around one.
        split: what to train and validate on; `Interactions` alone train all epochs. Of what
            `ar.data.load` returns give `.split("last_item")`, or `.interactions`.
        epochs: the largest number of epochs, >= 1.
        batch_size: examples in a batch; by default 100 profiles, 128 or 256 sequences, 512 or 256
            pairs.
        optimizer: for a model that is not compiled; by default `LazyAdam(5e-3)` for
            pairs, `LazyAdam(1e-3)` for sequences and `Adam(1e-3)` for profiles.
        patience: epochs without a better validation before training stops.
        seed: of the order of the batches.
        strata: of users and items that `MatrixFactorization` under BPR trains at once, a core
            each; None is one for each core that may be used. See `data.strata.in_strata`.
        label: the name shown in the progress lines; None shows none.
        log: takes each progress line.
        **settings: `monitor`, `every`, `checkpoint` and `callbacks` of `fit_ranked`.

    Returns:
        How the fit went; None for a model in closed form.

    Raises:
        TypeError: if there is no argument of a name.
        ValueError: if `model` is no recommender of this package, `split` is something else, the
            model is compiled with another optimizer, or an argument needs steps and the model is in
            closed form.
    """
    unknown = {name: value for name, value in settings.items() if name not in _PASSED_ON}
    if unknown:
        raise TypeError(
            "`ar.fit` should be given the arguments that it names, or of those of `fit_ranked` "
            f"{', '.join(_PASSED_ON)}. Received: {_listed(unknown)}."
        )
    if not isinstance(split, (Split, Interactions)):
        raise ValueError(
            '`split` should be a `Split`, as `ar.data.load(...).split("last_item")` gives it, or '
            "`Interactions`, as its `.interactions`, for training without validation. "
            f"Received: a {type(split).__name__}."
        )
    train = split.train if isinstance(split, Split) else split
    if not isinstance(model, keras.Model):
        if not hasattr(model, "fit"):
            raise ValueError(
                "`model` should be a recommender with `fit`, or a Keras model around one. "
                f"Received: {type(model).__name__}."
            )
        of_steps = dict(settings)
        if optimizer is not None:
            of_steps["optimizer"] = optimizer
        if strata != 1:
            of_steps["strata"] = strata
        if of_steps:
            raise ValueError(
                f"`{'`, `'.join(of_steps)}` should be left out for a {type(model).__name__}, which "
                f"is fitted in closed form, without steps. Received: {_listed(of_steps)}."
            )
        model.fit(train)
        return None
    inner = _inside(model)
    if not isinstance(inner, Recommender):
        raise ValueError(
            "`model` should be a recommender of this package; train any other Keras model by its "
            f"own `fit`. Received: {type(inner).__name__}."
        )
    compiled = getattr(model, "optimizer", None)
    if compiled is None:
        model.compile(optimizer=_default_optimizer(inner) if optimizer is None else optimizer)
    elif optimizer is not None and optimizer is not compiled:
        raise ValueError(
            f"`optimizer` should be left out where the model is compiled: it has an optimizer, a "
            f"{type(compiled).__name__}. To exchange it call `model.compile(optimizer=...)`. "
            f"Received: another, a {type(optimizer).__name__}."
        )
    made = default_batches(model, train, batch_size=batch_size, seed=seed, strata=strata)
    evaluator = None
    if isinstance(split, Split) and len(split.validation):
        counts = split.train.item_counts()
        evaluator = RankingEvaluator(split.seen(), split.validation, item_counts=counts)
    return fit_ranked(
        model,
        made,
        epochs=epochs,
        evaluator=evaluator,
        patience=patience,
        label=label,
        log=log,
        **settings,
    )


def _listed(arguments: dict) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())


def _inside(model: Recommender) -> Recommender:
    """The model inside all that is wrapped around it."""
    while isinstance(getattr(model, "model", None), keras.Model):
        model = model.model
    return model


def _default_optimizer(model: Recommender) -> keras.optimizers.Optimizer:
    if isinstance(model, ProfileModel):
        return keras.optimizers.Adam(1e-3)
    return LazyAdam(1e-3 if isinstance(model, SequenceModel) else 5e-3)


def default_batches(
    model: Recommender,
    interactions: Interactions,
    *,
    batch_size: int | None,
    seed: int,
    strata: int | None = 1,
) -> Batches:
    """The kind of batches that a model, or a wrapper around it, trains on; pairs of a stream are
    read as they are needed.

    Raises:
        ValueError: if `strata` are asked for and not taken; whole profiles are needed and no user
            has `MIN_PROFILE` interactions; or a sequence model is to read a stream, whose order
            within a user has to be stated.
    """
    outer, model = model, _inside(model)
    in_blocks = getattr(outer, "takes_blocks", False)
    if strata != 1:
        fits = in_blocks and isinstance(model, SparseEmbeddingModel) and model.stratified
        if not fits or isinstance(interactions, CountedInteractions):
            raise ValueError(
                "`strata` should be 1 unless a MatrixFactorization under BPR with uniform "
                "negatives is trained in memory, by itself or directly inside AdversarialTraining "
                f"without `layers`. Received: {strata!r} and a {type(outer).__name__}."
            )
        return in_strata(interactions, batch_size=batch_size or 512, seed=seed, strata=strata)
    if isinstance(model, SequenceModel) and isinstance(interactions, CountedInteractions):
        raise ValueError(
            "A sequence model should read a stream by `model.fit(ar.data.stream_windows(...))`, "
            f"which states the column of times. Received: {interactions!r} in `ar.fit`."
        )
    if isinstance(model, ProfileModel):
        users = np.flatnonzero(interactions.by_user().counts >= MIN_PROFILE)
        if not len(users):
            raise ValueError(
                f"`interactions` should have a user with at least {MIN_PROFILE} interactions, "
                f"since {type(model).__name__} learns from whole profiles. Received none."
            )
        return batches.of_users(users, batch_size=batch_size or 100, seed=seed)
    if isinstance(model, SequenceModel):
        kind = "prefixes" if model.mode == "last" else "whole"
        return of_windows(
            training_windows(interactions, model.length, kind=kind),
            batch_size=batch_size or (256 if kind == "prefixes" else 128),
            seed=seed,
            trimmed=not model.fixed_length,
        )
    of_pairs = functools.partial(batches.of_pairs, interactions)
    if isinstance(interactions, CountedInteractions):
        of_pairs = interactions.batches
    if isinstance(model, SparseEmbeddingModel):
        single = of_pairs(batch_size=batch_size or 512, seed=seed)
        return batches.in_blocks(single) if in_blocks else single
    return of_pairs(batch_size=batch_size or 256, seed=seed)
