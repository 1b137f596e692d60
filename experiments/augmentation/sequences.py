"""Generated sequences: how like real ones they are, and what the generators recommend next.

A fifth of the users is held out of training; what is generated is compared with their sequences.
Generators are pretrained by likelihood; from those weights, for as many epochs, the ablation
(likelihood again) and the GAN with both estimators go on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from tensorflow import keras

from advrec_tf.data import batches, splits
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.sequences import Sequences, sequences_of
from advrec_tf.evaluation import sequence_fidelity
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.gan.adversarial_loss import AdversarialLoss
from advrec_tf.gan.sequences import SequenceGAN, build_sequence_gan
from advrec_tf.models.item_similarity import singular_item_vectors
from advrec_tf.models.sequential.baselines import MarkovChain
from advrec_tf.pipelines.stages import StageStore
from advrec_tf.training import recipes
from experiments.augmentation.settings import AugmentationSettings
from experiments.harness.baselines import closed_form
from experiments.harness.compare import deviation, mean, over_seeds
from experiments.harness.entries import Entry, Task, Trained
from experiments.harness.results import Result
from experiments.harness.settings import Setting
from experiments.harness.sweep import Study, sweep

HELD_OUT = 0.2
BATCH = 128
REAL, PRETRAINED, ABLATION = (
    "real sequences of other users",
    "likelihood, pretraining",
    "GAN, ablation (likelihood)",
)
_QUALITY = [field.name for field in dataclasses.fields(sequence_fidelity.SequenceQuality)]


@dataclasses.dataclass(frozen=True, eq=False)
class Generator:
    """What an entry is measured by: generated items [sequences, length], and a recommender."""

    items: np.ndarray | None = None
    recommender: Any = None


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class SequenceSetting(Setting):
    """A setting whose users are in part held out.

    Attributes:
        fitted, held_out: sequences of the users trained on, and of the others.
        item_vectors: of the fitted users' interactions alone, to group items by.
    """

    fitted: Sequences
    held_out: Sequences
    item_vectors: np.ndarray

    def measure(self, model: Generator, *, tests: bool = True) -> Result:
        """Likeness to the held-out sequences, and NDCG@10 of the next item."""
        metrics = {}
        if model.items is not None:
            generated = Sequences(
                items=model.items,
                user_index=np.zeros(len(model.items), np.int32),
                num_items=self.fitted.num_items,
            )
            metrics |= sequence_fidelity.measure(
                generated, self.held_out, self.fitted, self.item_vectors, seed=self.seed
            ).as_dict()
        if model.recommender is not None:
            test = self.tests["next item"].evaluate(model.recommender)
            metrics["validation"] = self.validate(model.recommender)
            metrics["next item"] = test.metrics[self.monitor]
        return Result(metrics)


def make_setting(data: Interactions, length: int, seed: int) -> SequenceSetting:
    """The setting of a seed, which draws the users held out.

    Raises:
        ValueError: if the data has no times, or too few sequences.
    """
    if data.timestamp is None:
        raise ValueError("The part `sequences` should have data with times. Received none.")
    split = splits.last_item(data, ties="file")
    everything = sequences_of(split.train, length=length)
    rng = np.random.default_rng(seed)
    users = rng.permutation(data.num_users)[: max(1, round(HELD_OUT * data.num_users))]
    held = np.isin(everything.user_index, users)
    fitted = split.train.select(~np.isin(split.train.user_index, users))
    return SequenceSetting(
        seed=seed,
        interactions=split.train,
        validation=RankingEvaluator(split.train, split.validation),
        tests={"next item": RankingEvaluator.of_split(split)},
        fitted=everything.select(~held),
        held_out=everything.select(held),
        item_vectors=singular_item_vectors(fitted),
    )


def _real(task: Task) -> Generator:
    fitted = task.setting.fitted
    order = task.rng(1).permutation(len(fitted))
    return Generator(items=fitted.items[order[: len(task.setting.held_out)]])


def _popularity(task: Task) -> Generator:
    return Generator(recommender=closed_form(recipes.popularity)(task))


def _markov(task: Task) -> Generator:
    chain = MarkovChain(strength=3.0).fit(task.setting.fitted, task.interactions)
    return Generator(chain.generate(len(task.setting.held_out), seed=task.seed), chain)


def _pretrained(task: Task) -> SequenceGAN:
    """The generator by likelihood alone; it is trained once a seed."""

    def compute():
        return _fit(task, None, adversarial=False, estimator="gumbel_softmax")[0]

    return task.shared("pretrained", compute)


def _pretraining(task: Task) -> Generator:
    return _generated(task, _pretrained(task))


def _continued(*, adversarial: bool, estimator: str) -> Callable[[Task], Trained]:
    """From the pretrained weights, against the discriminator or by likelihood."""

    def train(task: Task) -> Trained:
        weights = _pretrained(task).generator.get_weights()
        model, history = _fit(task, weights, adversarial=adversarial, estimator=estimator)
        history = history if adversarial else {}
        return Trained(_generated(task, model), inspect=lambda setting: {"history": history})

    return train


def _generated(task: Task, model: SequenceGAN) -> Generator:
    return Generator(model.generate(len(task.setting.held_out), seed=task.seed), model)


def _fit(
    task: Task, weights: list[np.ndarray] | None, *, adversarial: bool, estimator: str
) -> tuple[SequenceGAN, dict]:
    """(model, history): by likelihood from new weights, else `game_epochs` from those given."""
    settings: AugmentationSettings = task.context
    fitted = task.setting.fitted
    keras.utils.set_random_seed(task.seed)
    model = build_sequence_gan(
        task.interactions,
        fitted,
        estimator=estimator,
        loss=AdversarialLoss(weight=settings.gan_weight if adversarial else 0.0),
        seed=task.seed,
    )
    if weights is not None:
        model.generator.set_weights(weights)
    model.compile(
        d_optimizer=keras.optimizers.Adam(1e-3),
        g_optimizer=keras.optimizers.Adam(2e-3 if weights is None else 5e-4),
        steps_per_execution=8,
    )
    data = batches.of_index(
        np.arange(len(fitted)), batch_size=BATCH, seed=task.seed, name="sequence_index"
    )
    epochs = settings.sequence_epochs if weights is None else settings.game_epochs
    report = model.fit(
        data.dataset(0), steps_per_epoch=data.steps_per_epoch, epochs=epochs, verbose=0
    )
    return model, report.history


ENTRIES: Mapping[str, Entry] = {
    REAL: Entry(train=_real),
    "popularity": Entry(train=_popularity),
    "Markov chain": Entry(train=_markov),
    PRETRAINED: Entry(train=_pretraining),
    ABLATION: Entry(train=_continued(adversarial=False, estimator="gumbel_softmax")),
    "GAN, Gumbel-softmax": Entry(
        train=_continued(adversarial=True, estimator="gumbel_softmax"), ablation=ABLATION
    ),
    "GAN, policy gradient": Entry(
        train=_continued(adversarial=True, estimator="policy_gradient"), ablation=ABLATION
    ),
}


def run_sequences(
    data: Interactions,
    settings: AugmentationSettings,
    store: StageStore,
    *,
    log: Callable[[str], None] = print,
) -> dict:
    """The report of the part, as JSON values."""
    study = Study(
        name="sequences",
        entries=ENTRIES,
        setting=lambda seed: make_setting(data, settings.length, seed),
        context=settings,
    )
    seeds = range(settings.seed, settings.seed + settings.sequence_seeds)
    found = sweep(study, store, seeds=seeds, log=log).results
    return {
        "part": "sequences",
        "seeds": settings.sequence_seeds,
        "length": settings.length,
        "entries": {label: _summary(results, found[REAL]) for label, results in found.items()},
    }


def _summary(results: list[Result], real: list[Result]) -> dict:
    metrics = [result.metrics for result in results]
    collapsed = [
        sequence_fidelity.collapse(_quality(one), _quality(reference))
        for one, reference in zip(results, real, strict=True)
        if "auc" in one.metrics
    ]
    return {
        "mean": over_seeds(metrics, mean),
        "deviation": over_seeds(metrics, deviation),
        "seconds": mean([result.seconds for result in results]),
        "collapse": [text for text in collapsed if text],
        "history": results[0].details.get("history", {}),
    }


def _quality(result: Result) -> sequence_fidelity.SequenceQuality:
    values = {name: result.metrics[name] for name in _QUALITY}
    return sequence_fidelity.SequenceQuality(**values)
