"""The job of `advrec gan`: a GAN of interactions and its ablation, and what the two generate.

The interactions are held in memory, or stay in shards: then batches bring what the networks read,
the rows of the users that are evaluated are held, and what is generated. Both GANs that the main
job or its guides name are here: further interactions of users who have few, and short sequences.
"""

from __future__ import annotations

import abc
import functools
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data import batches
from advrec_tf.data.augmentation import best_unseen
from advrec_tf.data.batches import Batches
from advrec_tf.data.sequences import sequences_of
from advrec_tf.data.split_parts import Split
from advrec_tf.data.streams.counted import CountedInteractions
from advrec_tf.data.streams.histories import require_together, users_in_order
from advrec_tf.data.streams.profiles import stream_profiles
from advrec_tf.data.streams.sequences import stream_sequences
from advrec_tf.gan.adversarial_loss import AdversarialLoss
from advrec_tf.gan.base import GAN
from advrec_tf.gan.profiles import ProfileGAN, build_profile_gan
from advrec_tf.gan.sequences import SequenceGAN, build_sequence_gan
from advrec_tf.pipelines.progress import LOG
from advrec_tf.pipelines.recommend.boards import PopularityImages
from advrec_tf.pipelines.recommend.gan_settings import LEAST_LENGTH, GanSettings
from advrec_tf.pipelines.recommend.generation import (
    Generated,
    GeneratedPairs,
    GeneratedSequences,
    generated_rows,
)
from advrec_tf.pipelines.recommend.job import Outcome, begin
from advrec_tf.pipelines.recommend.preparation import Prepared
from advrec_tf.pipelines.recommend.variants import EvaluationSetting, summary_of
from advrec_tf.pipelines.stages import StageResult, StageStore
from advrec_tf.training.distribution import described
from advrec_tf.training.fitting import fit_ranked

LEAST_ROWS = 3
"""Interactions of a user whose profile trains."""
MOST_SEQUENCES = 100_000
"""Sequences that are generated, at most: one for each user where there are fewer."""
_BLOCK = 256


def run(
    prepared: Prepared,
    settings: GanSettings,
    store: StageStore,
    write: Callable[[str], None] = LOG.info,
    *,
    strategy: tf.distribute.Strategy | None = None,
) -> Outcome:
    """Popularity and EASE, the GAN and its ablation, and what these two generate.

    Under a strategy of several workers each of them calls it and generates the same.

    Raises:
        ValueError: if a part of the split is empty, or batches cannot be cut among the replicas.
        DataError: if shards do not hold the rows of each user together.
    """
    replicas = 1 if strategy is None else strategy.num_replicas_in_sync
    if settings.gan_batch_size % replicas:
        raise ValueError(
            f"`gan_batch_size` should be a multiple of the {replicas} replicas, each of which has "
            f"an equal part of a batch. Received: {settings.gan_batch_size}."
        )
    comparison, whole = begin(prepared, settings.in_comparison(), store, write)
    if isinstance(prepared.split.train, CountedInteractions):
        require_together(prepared.split.train)
    if strategy is not None:
        write(described(strategy))
    comparison.baselines(whole)
    task = (ProfileTask if settings.model == "profiles" else SequenceTask)(prepared, settings)
    generated: dict[str, Generated] = {}
    if task.nothing is not None:
        write(task.nothing)
    else:
        train = functools.partial(_train, task=task, strategy=strategy)
        for name, weight in (("gan", settings.gan_weight), ("gan_ablation", 0.0)):
            result = comparison.stage(whole, name, settings.seed, train, adversarial_weight=weight)
            comparison.keep(whole, name, result)
            generated[name] = task.rows(result, name)
    return Outcome(
        split=prepared.split,
        results=comparison.results,
        choices={},
        generated=generated,
        verdicts=store.verdicts,
    )


class Task(abc.ABC):
    """A GAN of the interactions of a split: how it is built and fed, and what it generates.

    Args:
        prepared: the data.
        settings: of the run.

    Attributes:
        nothing: a sentence where there is nothing to generate, else None.
    """

    nothing: str | None = None

    def __init__(self, prepared: Prepared, settings: GanSettings):
        self.split: Split = prepared.split
        self.train = prepared.split.train
        self.settings = settings
        self.in_shards = isinstance(self.train, CountedInteractions)
        self.time_column = getattr(prepared, "time_column", None)

    @abc.abstractmethod
    def build(self, loss: AdversarialLoss) -> GAN:
        """The untrained model."""

    @abc.abstractmethod
    def batches(self) -> Batches:
        """What it is trained on."""

    def callbacks(self, folder: Path) -> Sequence[keras.callbacks.Callback]:
        """What else is shown of the training in a folder of TensorBoard."""
        return ()

    @abc.abstractmethod
    def generated(self, model) -> dict[str, np.ndarray]:
        """What the trained model generates, as arrays of its stage."""

    @abc.abstractmethod
    def rows(self, result: StageResult, source: str) -> Generated:
        """The same from its stage, under the name of its source."""


class ProfileTask(Task):
    """Further interactions of users who have few."""

    def __init__(self, prepared: Prepared, settings: GanSettings):
        super().__init__(prepared, settings)
        counts = self.train.user_counts() if self.in_shards else self.train.by_user().counts
        if not (counts < settings.filled_up_to).any():
            self.nothing = (
                f"no user has fewer than {settings.filled_up_to} rows, so nothing is generated"
            )

    def build(self, loss: AdversarialLoss) -> ProfileGAN:
        model = build_profile_gan(self.train, loss=loss, seed=self.settings.seed)
        model.rank_by(self.split.seen())
        return model

    def batches(self) -> Batches:
        size, seed = self.settings.gan_batch_size, self.settings.seed
        if self.in_shards:
            return stream_profiles(self.train, batch_size=size, least=LEAST_ROWS, seed=seed)
        users = np.flatnonzero(self.train.by_user().counts >= LEAST_ROWS)
        return batches.of_users(users, batch_size=size, seed=seed)

    def callbacks(self, folder: Path) -> Sequence[keras.callbacks.Callback]:
        # It scores all users at once.
        return () if self.in_shards else (PopularityImages(folder, self.train),)

    def generated(self, model: ProfileGAN) -> dict[str, np.ndarray]:
        if self.in_shards:
            return self._from_shards(model)
        sparse = np.flatnonzero(self.train.by_user().counts < self.settings.filled_up_to)
        how = self.settings.in_comparison()
        rows = generated_rows(model.scores()[sparse], sparse, self.train, how, "gan", None)
        return {"user_index": rows.user_index, "item_index": rows.item_index}

    def _from_shards(self, model: ProfileGAN) -> dict[str, np.ndarray]:
        """As from memory, of the users of some rows at a time; who has no row gets none."""
        most = self.settings.filled_up_to
        users_found, items_found = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
        shards = np.arange(len(self.train.stream.shards))
        for chunk, users in users_in_order(self.train, None, shards, 1):
            if chunk is None:
                continue
            known = chunk.by_user()
            sparse = np.flatnonzero((known.counts > 0) & (known.counts < most))
            for begin_at in range(0, len(sparse), _BLOCK):
                block = sparse[begin_at : begin_at + _BLOCK]
                profiles = np.zeros((len(block), self.train.num_items), np.float32)
                for row, user in enumerate(block):
                    profiles[row, known[user]] = 1.0
                scores = model.generator(profiles).numpy()
                for row, user in enumerate(block):
                    best = best_unseen(scores[row], known[user], most - int(known.counts[user]))
                    users_found.append(np.full(len(best), users[user], np.int32))
                    items_found.append(best)
        user_index, item_index = np.concatenate(users_found), np.concatenate(items_found)
        order = np.argsort(user_index, kind="stable")  # as from memory
        return {"user_index": user_index[order], "item_index": item_index[order]}

    def rows(self, result: StageResult, source: str) -> GeneratedPairs:
        own = {name: result.arrays[name] for name in ("user_index", "item_index")}
        return GeneratedPairs(real=self.train, source=source, **own)


class SequenceTask(Task):
    """Short sequences of items, one for each user, no longer than the longest history."""

    def __init__(self, prepared: Prepared, settings: GanSettings):
        super().__init__(prepared, settings)
        asked = settings.items_of_a_sequence
        longest = int(self.train.user_counts().max(initial=0))
        self.length = min(asked, max(longest, LEAST_LENGTH))
        if self.length < asked:
            warnings.warn(
                f"Sequences have {self.length} items: `length` should be at most that of the "
                f"longest history, {longest} training rows of {self.train.num_users:,} users, as "
                f"none has an item in the places after it. Received: {asked}.",
                stacklevel=2,
            )
        self._held = None if self.in_shards else sequences_of(self.train, length=self.length)

    def build(self, loss: AdversarialLoss) -> SequenceGAN:
        model = build_sequence_gan(
            self.train,
            self.length if self._held is None else self._held,
            loss=loss,
            dropout=0.0,  # which each replica would draw for itself
            seed=self.settings.seed,
        )
        model.rank_by(self.split.seen())
        return model

    def batches(self) -> Batches:
        size, seed = self.settings.gan_batch_size, self.settings.seed
        if self._held is not None:
            index = np.arange(len(self._held))
            return batches.of_index(index, batch_size=size, seed=seed, name="sequence_index")
        return stream_sequences(
            self.train,
            length=self.length,
            batch_size=size,
            time_column=self.time_column,
            seed=seed,
        )

    def generated(self, model: SequenceGAN) -> dict[str, np.ndarray]:
        users = int((self.train.user_counts() > 0).sum())
        count = min(users, MOST_SEQUENCES)
        return {"sequences": model.generate(count, seed=self.settings.seed)}

    def rows(self, result: StageResult, source: str) -> GeneratedSequences:
        return GeneratedSequences(real=self.train, items=result.arrays["sequences"], source=source)


def _train(
    setting: EvaluationSetting,
    settings,
    console,
    label: str,
    checkpoint: Path,
    *,
    seed: int,
    adversarial_weight: float,
    task: Task,
    strategy: tf.distribute.Strategy | None,
) -> StageResult:
    """The GAN of a task, or its ablation at weight 0, with what it generates."""
    keras.utils.set_random_seed(seed)
    own = task.settings
    with (strategy or tf.distribute.get_strategy()).scope():
        model = task.build(AdversarialLoss(own.gan_loss, weight=adversarial_weight))
        model.compile(
            d_optimizer=keras.optimizers.Adam(own.gan_d_learning_rate),
            g_optimizer=keras.optimizers.Adam(own.gan_g_learning_rate),
            steps_per_execution=16,
        )
    report = fit_ranked(
        model,
        task.batches(),
        epochs=own.gan_epochs,
        evaluator=setting.validation,
        patience=own.gan_patience,
        every=min(2, own.gan_epochs),
        checkpoint=checkpoint,
        callbacks=[console.board(label), *task.callbacks(console.run_of(label))],
        label=label,
        log=console.detail,
    )
    return StageResult(summary_of(report), task.generated(model))
